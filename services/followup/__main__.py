"""python -m services.followup"""

from services.followup.cli import main

main()
