"""This installation and the Docker Engines that it places applications on."""
