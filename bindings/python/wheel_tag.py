"""Names the platform in the wheel's file name."""

import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelTag(BuildHookInterface):
    """The library inside is one platform's; the code in Python is that of every Python 3.

    `linux_x86_64` claims no more than what was built: a `manylinux` tag would promise an older C library than the one
    that the library was linked with.
    """

    def initialize(self, version, build_data):
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
