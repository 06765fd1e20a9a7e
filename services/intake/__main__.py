"""python -m services.intake"""

from services.intake.cli import main

main()
