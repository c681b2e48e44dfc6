"""The built-in model of edgeclf: files alone, found by edgeclf.models. See PROVENANCE.md."""
