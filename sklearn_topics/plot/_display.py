"""What all displays share."""

from typing import Self


class Display:
    """A plot whose data are in its attributes; `_draw(ax)` sets the axes and draws."""

    def plot(self, ax=None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; several panels replace them. If None, a new figure is
            created.

        Returns
        -------
        display : object
            The display itself.
        """
        self._draw(ax)
        return self
