"""Writes the launchable form of the Quick Start into a bucket.

The templates in ``templates/`` hold local paths. :func:`publish` packs what they name, uploads it under keys that
carry a hash of the content, and uploads the templates with those keys in the place of the paths, so that anybody who
may read the bucket can launch the root template from CloudFormation's console.
"""

from publishing.archive import Artifact
from publishing.errors import PublishingError
from publishing.publication import Build, Publication, build, publish
from publishing.rewrite import Hosting

__all__ = ["Artifact", "Build", "Hosting", "Publication", "PublishingError", "build", "publish"]
