"""What `/datasets` answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

__all__ = ["UPLOAD_BODY", "DatasetFacts", "DatasetList"]

UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", "file"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {
                            "type": "string",
                            "maxLength": 64,
                            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                            "description": "What the data set will be called; not taken yet. Sent "
                            "before the file, a wrong name is refused before the file arrives.",
                            "examples": ["my-photos"],
                        },
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A zip: a folder of images a class, or images beside a "
                            "`labels.csv` (columns file, label), or PASCAL VOC's folders. At most "
                            "10,000 images of 20 MB, IPVIT_MAX_DATASET_BYTES bytes in all, and "
                            "100 times the zip's own size.",
                        },
                    },
                }
            }
        },
    }
}
"""The form, which is read by hand so that its file goes to disk as it arrives."""


class DatasetFacts(BaseModel):
    """One data set. Counts, classes and fingerprint are null until it is indexed."""

    name: str = Field(description="As jobs name it.", examples=["cifar10-sample"])
    source: Literal["sample", "server"] = Field(
        description="`sample` ships with the lab, `server` lies in the server's data folder."
    )
    kind: Literal["folder", "csv", "voc"] | None = Field(
        description="`folder`: a folder a class; `csv`: images and a list of labels; `voc`: "
        "PASCAL VOC segmentation; null where it cannot be told."
    )
    images: int | None = Field(description="How many images it has.", examples=[400])
    classes: int | None = Field(description="How many classes its labels have.", examples=[10])
    class_names: list[str] | None = Field(
        default=None,
        description="Names of the classes; only in the answer for one data set.",
        examples=[["airplane", "automobile"]],
    )
    has_labels: bool | None = Field(description="Whether every image has a label.")
    has_masks: bool | None = Field(description="Whether every image has a ground-truth mask.")
    fingerprint: Annotated[
        str | None, Field(description="SHA-256 over paths, contents, labels and masks.")
    ]
    indexed: bool = Field(description="Whether its images were counted; it happens by itself.")
    title: str = Field(description="For people; may be empty, as the next three.")
    description: str = Field(description="What is in it.")
    credit: str = Field(description="Whom the images come from.")
    licence: str = Field(description="What may be done with them.")
    problem: str | None = Field(description="Why it cannot be used, null if it can.")
    deletable: bool = Field(description="Whether it was uploaded, so that DELETE may take it away.")


class DatasetList(BaseModel):
    """All data sets, those that ship first."""

    datasets: list[DatasetFacts] = Field(description="Each with its counts.")
