"""How the built-in model was made: from the published weights to both INT8 files, by one command.

    pip install -r requirements.txt
    python -m edgeclf.models.recipe --out DIR [--measure FOLDER]

A tool for the people who build edgeclf. The SDK itself never imports it.
"""
