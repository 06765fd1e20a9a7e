"""Every query of intake, a file per subject."""
