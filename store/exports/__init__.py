"""Objects in the forms of other systems; the store's own form is that of its directory.

read_object     the nodes of one object in order, checked against what was registered
  nar             … as an archive of Nix
  tar             … as a tar file, the same bytes for the same object

nix_path        the path that Nix gives to the same content
narinfo         what a binary cache of Nix says about one path
binary_cache    a closure as a binary cache in a directory, whole after any crash
rewriting       store paths of this store in the content, replaced by those of another
"""
