"""A template is rewritten at the places of its paths, and nowhere else."""

import pytest

from publishing.rewrite import Hosting, Reference, published_child, published_root, references

CHILD = """\
# Überschrift: a comment with letters of more than one byte: 日本語 🙂
Resources:  # kept
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ../functions/example   # the code
      Description: 'quoted: as it was'

  # The next one.
  Table: {Type: AWS::DynamoDB::Table}
"""
ROOT = """\
Parameters:
  # Filled in by publishing.
  QSS3BucketName: {Type: String, Default: ''}
  QSS3BucketRegion:
    Type: String
    Default: ''
  QSS3KeyPrefix:
    Type: String
    Default: ''

Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
  Other:
    Type: AWS::CloudFormation::Stack
    Properties:
      # Of the other stack.
      Parameters:
          Given: 1
      TemplateURL: other.yaml
  Plain:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: plain.yaml

Outputs:
  TemplateVersion:
    Value: 1.0.0
"""


def test_a_child_keeps_everything_but_its_paths() -> None:
    assert references(CHILD) == (Reference("Function", "AWS::Serverless::Function", "../functions/example"),)
    published = published_child(CHILD, (("../functions/example", "functions/example-1.zip"),))
    location = '{Bucket: !Ref QSS3BucketName, Key: !Sub "${QSS3KeyPrefix}functions/example-1.zip"}'
    parameters = """\
Parameters:
  QSS3BucketName:
    Type: String
    Description: Bucket that holds the published code.
  QSS3KeyPrefix:
    Type: String
    Description: Prefix of the keys in that bucket.
"""
    assert published == CHILD.replace("../functions/example", location).replace("Resources:", f"{parameters}Resources:")
    assert references(published) == ()


def test_a_child_without_paths_stays_as_it_is() -> None:
    plain = CHILD.replace("AWS::Serverless::Function", "AWS::Lambda::Function")
    assert published_child(plain, ()) == plain


def test_the_root_refers_to_the_published_children() -> None:
    keys = {
        "child.yaml": "templates/child-1.yaml",
        "other.yaml": "templates/other-2.yaml",
        "plain.yaml": "plain-3.yaml",
    }
    hosting = Hosting("bucket", "eu-west-1", "é/")
    published = published_root(ROOT, keys, {"child.yaml", "other.yaml"}, hosting, "abc")

    def address(key: str) -> str:
        return (
            f'!Sub "https://${{QSS3BucketName}}.s3.${{QSS3BucketRegion}}.${{AWS::URLSuffix}}/${{QSS3KeyPrefix}}{key}"'
        )

    given = "QSS3BucketName: !Ref QSS3BucketName\n{0}QSS3KeyPrefix: !Ref QSS3KeyPrefix\n"
    expected = (
        ROOT.replace("Default: ''", 'Default: "bucket"', 1)
        .replace("Default: ''", 'Default: "eu-west-1"', 1)
        .replace("Default: ''", 'Default: "\\u00e9/"', 1)
        .replace("1.0.0", '"1.0.0+abc"')
        .replace(
            "      TemplateURL: child", f"      Parameters:\n        {given.format(' ' * 8)}      TemplateURL: child"
        )
        .replace("          Given: 1\n", f"          {given.format(' ' * 10)}          Given: 1\n")
    )
    for path, key in keys.items():
        expected = expected.replace(f"TemplateURL: {path}", f"TemplateURL: {address(key)}")
    assert published == expected


def test_a_child_with_parameters_gets_two_more() -> None:
    """Each with the indentation that the others have."""
    child = "Parameters:  # own\n    Own:\n        Type: String\n" + CHILD
    published = published_child(child, (("../functions/example", "e.zip"),))
    begins = published.partition("    Own:")[0]
    assert begins == (
        "Parameters:  # own\n"
        "    QSS3BucketName:\n"
        "      Type: String\n"
        "      Description: Bucket that holds the published code.\n"
        "    QSS3KeyPrefix:\n"
        "      Type: String\n"
        "      Description: Prefix of the keys in that bucket.\n"
    )
    assert published.count("Parameters:") == 1


REFERENCES = """\
Resources:
  NoProperties: {Type: AWS::Serverless::Function}
  Inline: {Type: AWS::Serverless::Function, Properties: {Handler: a}}
  Elsewhere: {Type: AWS::Serverless::Function, Properties: {CodeUri: {Bucket: b, Key: k}}}
  Chosen: {Type: AWS::Serverless::Function, Properties: {CodeUri: !Ref Code}}
  OtherProperty: {Type: AWS::Serverless::Function, Properties: {ContentUri: ../a}}
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: ../layers/a}}
  Machine: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: 'm.asl.json'}}
  Stack: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {CodeUri: ../b}}
"""


def test_which_properties_refer_to_files() -> None:
    assert references(REFERENCES) == (
        Reference("Layer", "AWS::Serverless::LayerVersion", "../layers/a"),
        Reference("Machine", "AWS::Serverless::StateMachine", "m.asl.json"),
        Reference("Stack", "AWS::CloudFormation::Stack", "child.yaml"),
    )


def test_where_objects_are() -> None:
    hosting = Hosting("bucket", "eu-west-1", "p/")
    assert hosting.url("a-1.yaml") == "https://bucket.s3.eu-west-1.amazonaws.com/p/a-1.yaml"
    assert list(hosting.parameters.items()) == [
        ("QSS3BucketName", "bucket"),
        ("QSS3BucketRegion", "eu-west-1"),
        ("QSS3KeyPrefix", "p/"),
    ]


def test_a_template_that_is_none() -> None:
    with pytest.raises(KeyError, match="Resources"):
        references("Parameters: {}\n")
    with pytest.raises(TypeError, match=r"^Resources is not a mapping$"):
        references("Resources: [a]\n")
    without_outputs = ROOT.partition("Outputs:")[0]
    keys = dict.fromkeys(("child.yaml", "other.yaml", "plain.yaml"), "key")
    with pytest.raises(KeyError, match="Outputs"):
        published_root(without_outputs, keys, set(), Hosting("b", "r", "p/"), "d")
