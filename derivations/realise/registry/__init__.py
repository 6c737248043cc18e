"""OCI registries: closures are pushed to them and pulled from them (`store.exports.oci` has the form).

reference    oci://HOST/NAME:TAG
credentials  who one is there: what `docker login` and `skopeo login` have written
client       the registry's HTTP interface, with its ways of asking for a token
push, pull   a closure as an artifact; an artifact as objects, each checked
unpack       one layer, which may be hostile
"""
