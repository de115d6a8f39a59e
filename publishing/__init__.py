"""Publishes the Quick Start to a bucket, from which CloudFormation can launch it.

The templates in ``templates/`` refer to local paths. :func:`publish` packs these files and folders and uploads them
under keys that contain a hash of the content. It then uploads the templates with the keys in place of the paths.
Anybody who can read the bucket can launch the root template from the CloudFormation console.
"""

from publishing.archive import Artifact
from publishing.errors import PublishingError
from publishing.publication import Build, Publication, build, publish, unpack
from publishing.rewrite import Hosting

__all__ = ["Artifact", "Build", "Hosting", "Publication", "PublishingError", "build", "publish", "unpack"]
