"""python -m services.intake"""

import gc

gc.disable()  # what is imported stays: looking for garbage among it costs an eighth of the start
from services.intake.cli import main  # noqa: E402

gc.enable()
main()
