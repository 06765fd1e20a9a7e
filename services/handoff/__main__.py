"""python -m services.handoff"""

import gc

gc.disable()  # what is imported stays: looking for garbage among it costs an eighth of the start
from services.handoff.cli import main  # noqa: E402

gc.enable()
main()
