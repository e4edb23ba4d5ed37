"""What Tidemark uses of Cloud Storage's JSON API, in memory: cloud.google.com/storage/docs/json_api/v1/objects/insert and its neighbours

A page of a list has three objects, so that there are pages. A bucket is made with the permissions that are denied in it, which is of the tests.
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

page_size = 3


class Bucket:
    def __init__(self, name, location, denied):
        self.name = name
        self.location = location.upper()
        self.denied = set(denied)
        self.objects = {}


class Refused(Exception):
    def __init__(self, status, reason, message):
        self.status = status
        self.reason = reason
        self.message = message


buckets = {}
router = APIRouter()


def bucket_for(name, permission):
    bucket = buckets.get(name)
    if bucket is None:
        raise Refused(404, "notFound", "The specified bucket does not exist.")
    if permission in bucket.denied:
        raise Refused(
            403,
            "forbidden",
            f"loader@example.com does not have {permission} access to the Google Cloud Storage bucket. "
            f"Permission '{permission}' denied on resource (or it may not exist).",
        )
    return bucket


async def refused(_request, error):
    one = {"domain": "global", "reason": error.reason, "message": error.message}
    return JSONResponse({"error": {"code": error.status, "message": error.message, "errors": [one]}}, error.status)


def resource(bucket, name):
    return {"kind": "storage#object", "bucket": bucket.name, "name": name, "size": str(len(bucket.objects[name]))}


@router.post("/storage/v1/b")
async def make(request: Request):
    body = await request.json()
    buckets[body["name"]] = Bucket(body["name"], body.get("location", "US"), body.get("denied", []))
    return {"name": body["name"]}


@router.get("/storage/v1/b/{name}")
async def look(name: str):
    bucket = bucket_for(name, "storage.buckets.get")
    return {"kind": "storage#bucket", "name": name, "location": bucket.location}


@router.post("/upload/storage/v1/b/{name}/o")
async def insert(name: str, request: Request):
    bucket = bucket_for(name, "storage.objects.create")
    if request.query_params["uploadType"] != "media":
        raise Refused(400, "invalid", "Only media uploads here.")
    key = request.query_params["name"]
    if key in bucket.objects:
        bucket_for(name, "storage.objects.delete")
    bucket.objects[key] = await request.body()
    return resource(bucket, key)


@router.get("/storage/v1/b/{name}/o")
async def listing(name: str, prefix: str = "", pageToken: str = ""):
    bucket = bucket_for(name, "storage.objects.list")
    keys = sorted(key for key in bucket.objects if key.startswith(prefix) and key > pageToken)
    page = keys[:page_size]
    more = {"nextPageToken": page[-1]} if len(keys) > page_size else {}
    return {"kind": "storage#objects", **({"items": [resource(bucket, key) for key in page]} if page else {}), **more}


@router.delete("/storage/v1/b/{name}/o/{key:path}")
async def delete(name: str, key: str):
    bucket = bucket_for(name, "storage.objects.delete")
    if bucket.objects.pop(key, None) is None:
        raise Refused(404, "notFound", f"No such object: {name}/{key}")
    return Response(status_code=204)


def read(uri):
    """What a load job reads: /bigquery/docs/batch-loading-data#permissions-load-data-from-cloud-storage"""
    name, key = uri.removeprefix("gs://").split("/", 1)
    bucket_for(name, "storage.buckets.get")
    bucket = bucket_for(name, "storage.objects.get")
    if key not in bucket.objects:
        raise Refused(404, "notFound", f"Not found: URI {uri}")
    return bucket.objects[key]
