from .build import page_of as page_of
from .build import write_report as write_report
from .figures import FigureChoice as FigureChoice
from .figures import draw_figure as draw_figure
from .page import Page as Page
