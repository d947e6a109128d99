"""What a training run is: its folder, settings, data, network and scores.

Place on the road: above everything that trains and explains, below the commands, which
print what is found here.

==================  ===============================================================
``folder``          what a run leaves on disk
``settings``        everything a run was made with, as JSON
``sources``         the data of a run: a named set or a person's table
``network``         the network of a run
``architectures``   the networks for images, by name
``first_layer``     what the first layer of such a network looks for and finds
``report``          scores and pictures
==================  ===============================================================
"""
