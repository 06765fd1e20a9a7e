"""python -m services.handoff"""

from services.handoff.cli import main

main()
