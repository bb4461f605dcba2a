"""From a video file, or a folder of frames, to pixels: exactly the frames that are asked for."""
