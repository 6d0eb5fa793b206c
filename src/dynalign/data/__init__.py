"""Recordings: from files of many formats, or arrays of any library, to trials (time, units) with names and conditions.

No file that is read can run code; packages that only some formats need are imported where these are read.
"""

from dynalign.data.recording import Recording, cut_to_common_time
from dynalign.data.recordings import Recordings, recording_of
from dynalign.data.settings import Reading

__all__ = ["Reading", "Recording", "Recordings", "cut_to_common_time", "recording_of"]
