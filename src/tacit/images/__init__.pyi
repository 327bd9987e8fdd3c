from .dataset import Images as Images
from .dataset import Split as Split
from .opened import Opened as Opened
from .sources import open_images as open_images
from .splits import few_label_draw as few_label_draw
from .splits import stratified_subset as stratified_subset
