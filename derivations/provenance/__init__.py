"""Provenance: what an output was built from, by digest, in the formats that others read.

    materials    everything that enters a graph of derivations from outside: packages, downloads, local files
    statement    an in-toto statement with SLSA provenance for one output
    envelope     the statement with its signature (DSSE)
    sbom         a bill of materials of a kernel (CycloneDX)

All of it follows from definitions and digests: the same output has the same provenance, byte for byte, wherever and
whenever it is built. So it contains no time and no host.
"""
