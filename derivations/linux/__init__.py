"""Linux kernels: versions, patches, configurations, builds, boot tests."""
