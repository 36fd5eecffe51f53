"""probe"""
import json
import pytest, httpx
from tests.api.builders import *
pytestmark = pytest.mark.asyncio(loop_scope="module")
async def test_probe(shared: Api, unlimited: None) -> None:
    pub = shared.public
    async def show(name, r):
        print("==", name, r.status_code, r.headers.get("content-type"), r.headers.get("x-request-id"), r.text[:400])
    H=shared.http
    J={"content-type":"application/json"}
    async def raw(name, body, path="/api/reports", **kw):
        await show(name, await H.post(path, content=body, headers={**J, **kw}))
    await raw("malformed", b'{"a":')
    await raw("empty", b'')
    await raw("array", b'[]')
    await raw("null", b'null')
    await raw("notutf8", b'{"description":"\xff\xfe"}')
    await raw("surrogate", b'{"place":{"lon":121.64,"lat":38.91},"description":"\\ud800 x"}')
    await raw("nul", b'{"place":{"lon":121.64,"lat":38.91},"description":"a\\u0000b"}')
    await raw("nul contact", b'{"place":{"lon":121.64,"lat":38.91},"contact":{"phone":"1\\u00002"}}')
    await raw("nul colours", b'{"place":{"lon":121.64,"lat":38.91},"looks":{"colours":["a\\u0000"]}}')
    await raw("inf", b'{"place":{"lon":1e999,"lat":38.91}}')
    await raw("deep", b'{"place":{"lon":121.64,"lat":38.91},"description":'+b'['*100000+b']'*100000+b'}')
    await raw("deep2", b'['*100000+b']'*100000)
    await raw("big", b'{"description":"'+b'a'*1_100_000+b'"}')
    async def chunks():
        for _ in range(30): yield b"a"*50_000
    await raw("chunked big", chunks())
    for name, change in {"missing place": {"place": None}, "type": {"people_count": "three"}, "range": {"people_count": 5000}, "enum":{"channel":"fax"}, "unknown":{"foo":1}, "uuid":{"id":"abc"}, "date":{"occurred_at":"gestern"}, "long":{"description":"a"*3000}, "danger":{"dangers":["fire"]}, "nested":{"place":{"lon":"x","lat":2}}, "looks":{"looks":{"sex":"x"}}, "acc":{"place":{"lon":121.6,"lat":38.9,"accuracy_m":-1}}, "crs":{"place":{"lon":121.6,"lat":38.9,"crs":"x"}}, "bigint":{"people_count":10**30}, "float":{"people_count":1.5}}.items():
        await show(name, await pub.post("/api/reports", {**a_report(), **change}))
    r=a_report(); del r["place"]; await show("noplace", await pub.post("/api/reports", r))
    await show("404", await pub.get("/nope")); await show("405", await pub.send("PUT","/api/reports")); await show("404b", await pub.get("/api/reports/x/y/z"))
    await show("uuid", await pub.get("/api/cases/xyz")); await show("HEAD", await H.head("/health")); await show("OPTIONS", await H.options("/api/reports"))
    d=await shared.person("dispatcher")
    await show("cursor", await d.get("/api/cases", cursor="!!!")); await show("cursor2", await d.get("/api/cases", cursor="é")); await show("limit", await d.get("/api/cases", limit="abc")); await show("region nul", await d.get("/api/cases", region="a\x00")); await show("after", await d.get("/api/events", after=10**25)); await show("after neg", await d.get("/api/events", after=-5))
    await show("limit big", await d.get("/api/events", limit=10**25))
    await show("stage", await d.get("/api/cases", stage="nope"))
    await show("schema 404", await pub.get("/schema/nope"))
    await show("auth", await H.get("/api/cases", headers={"Authorization":"Basic x"})); await show("auth2", await H.get("/api/cases", headers={"Authorization":"Bearer \u00ff".encode("latin1")}))
    await show("bad token", await H.get("/api/cases", headers={"Authorization":"Bearer abc"}))
    await show("public 403", await pub.get("/api/cases"))
    await show("login nul", await pub.post("/api/sessions", {"login":"a\x00b","password":"x"}))
    await show("receipt", await pub.get("/api/reports/ABCD")); await show("receipt nul", await pub.get("/api/reports/AB%00CD"))
    rc=(await pub.did("/api/reports", a_report()))["receipt"]
    for nm, kw in {"nofile":{"data":{"a":"b"}}, "text":{"files":{"photo":("a.txt",b"hello","text/plain")}}, "photo as field":{"data":{"photo":"hello"}}, "two":{"files":[("photo",("a.jpg",a_photo(),"image/jpeg")),("photo",("b.jpg",a_photo(),"image/jpeg"))]}, "json":{"json":{"a":1}}, "ok": {"files":{"photo":("a.jpg",a_photo(gps=True),"image/jpeg")}}, "big":{"files":{"photo":("a.jpg",b"\xff"*13_000_000,"image/jpeg")}}, "other name":{"files":{"foto":("a.jpg",a_photo(),"image/jpeg")}}}.items():
        await show("photo "+nm, await H.post(f"/api/reports/{rc}/photos", **kw))
    await show("photo badmp", await H.post(f"/api/reports/{rc}/photos", content=b"garbage", headers={"content-type":"multipart/form-data; boundary=x"}))
    await show("photo badmp2", await H.post(f"/api/reports/{rc}/photos", content=b"garbage", headers={"content-type":"multipart/form-data"}))
    await show("photo long", await H.post(f"/api/reports/{rc}/photos", content=b"x"*61_000_000, headers={"content-type":"multipart/form-data; boundary=x"}))
    await show("photo long", await H.post(f"/api/reports/{rc}/photos", content=b"x"*61_000_000, headers={"content-type":"multipart/form-data; boundary=x"}))
