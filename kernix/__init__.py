"""The command line.

__main__ ──answers/──▶ printed again if nothing changed
         ──cli──▶ commands/  one verb a module
                      evaluation/  words to derivations     configs/   configurations as users name them
                      building     realise, with progress/  machine/   this machine
                      proof/       proofs in the background
                      output/      messages, tables         pages/     HTML pages
"""
