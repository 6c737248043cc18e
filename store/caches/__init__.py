"""Caches: what one machine has built and signed, as plain files that any server can hold (docs/cache.md).

push    an object ──▶ pack: zstd frames ──▶ blobs ──▶ its info, signed ──▶ results, signed
pull    info, checked against the trusted keys ──▶ a delta, ranges or the archive ──▶ unpack, checked against the
        digest ──▶ registered

paths, documents, info, result, listing   the format
pack, delta, unpack                       between trees and frames
transport, directory, ssh                 where the files are; HTTP is in `derivations.realise.network`
cache, download, fetch, pull, push        one cache; one blob; one object; closures
collect, check                            what a cache need not keep; what is damaged in it
"""
