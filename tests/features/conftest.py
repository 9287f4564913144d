"""Makes the steps of this folder known to the scenarios."""

from steps.commands import *
from steps.fleet import *
from steps.hosts import *
from steps.page import *
from steps.program import *
from steps.rehearsed import *
from steps.simulations import *
from steps.store import *
