"""Signing what is shared, and deciding whose signatures are believed.

    secret.load_secret     a private key, from a file that only its owner can read or from a command
    keys.SecretKey.sign    signs a message with ed25519
    keys.Signature         travels beside the message, as `NAME:BASE64`
    trusted.Trust.check    whether a key that is trusted for this purpose signed the message

The formats are Nix's: a key pair of `nix-store --generate-binary-cache-key` can be used as it is. A message begins
with a line that names its format, so that what was signed for one purpose cannot be passed off as something else.
Importing these modules does not load PyNaCl: the first signature or check does.
"""
