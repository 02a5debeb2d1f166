#!/usr/bin/env python3
"""What is wrong with a message is told precisely, to somebody with a good token: a 4xx or an error
result each time, never a 5xx, no panic in the log, and no task begun by it."""

import contextlib
import http.client
import json
import socket
import urllib.parse

from harness import Lab, McpUser, expect, main

SCENARIOS = {"default": "done", "scenarios": {"done": {"turns": [{"text": "Done."}]}}}
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
RESOURCE_NOT_FOUND = -32002
ERA = "2025-06-18"


class Caller:
    """Speaks to /mcp below every library, with a good token and a session."""

    def __init__(self, url, token):
        self.address = urllib.parse.urlsplit(url)
        self.token, self.session, self.asked = token, None, 0
        hello = {"protocolVersion": ERA, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        status, headers, body = self.send(self.message("initialize", hello), {"MCP-Protocol-Version": None})
        expect(status == 200, f"initialize: {status} {body}")
        self.session = headers["mcp-session-id"]
        status, _, body = self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        expect(status == 202, f"initialized: {status} {body}")

    def message(self, method, params=None):
        self.asked += 1
        message = {"jsonrpc": "2.0", "id": self.asked, "method": method}
        return message if params is None else message | {"params": params}

    def fields(self, changes=None):
        fields = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", "Content-Type": "application/json", "MCP-Protocol-Version": ERA,
                  "Mcp-Session-Id": self.session} | (changes or {})
        return {name: value for name, value in fields.items() if value is not None}

    def send(self, body, changes=None, method="POST", path="/mcp"):
        """(status, header fields, body as text) of one request."""
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        with contextlib.closing(connection):
            # Who is refused in the middle of a long body may find the way closed, and reads the answer.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body, self.fields(changes))
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, answer.read().decode()

    def raw(self, text):
        """The status of a request written byte for byte; 0 when the connection is just closed."""
        with socket.create_connection((self.address.hostname, self.address.port), timeout=30) as connection:
            connection.sendall(text)
            line = connection.makefile("rb").readline()
        return int(line.split()[1]) if line else 0

    def call(self, tool, arguments):
        status, _, body = self.send(self.message("tools/call", {"name": tool, "arguments": arguments}))
        expect(status == 200, f"{tool} {str(arguments)[:80]}: {status} {body[:300]}")
        return json.loads(body)


@contextlib.asynccontextmanager
async def signed_in(name):
    with Lab(SCENARIOS, name) as lab:
        lab.make_project()
        lab.configure()
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none")
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt="hello", wait_seconds=45)
            await session.until_over(started["task_id"])
        before = lab.json("tasks", "list")["tasks"]
        yield lab, Caller(ready["connector_url"], user.storage.tokens.access_token), started["task_id"]
        expect(lab.gateway.poll() is None, "the gateway has ended")
        expect(lab.json("tasks", "list")["tasks"] == before, "bad input began or changed a task")
        for line in lab.logs().splitlines():
            expect("panic" not in line and '"status":5' not in line, f"the log has {line[:500]}")


def is_rpc_error(body, code):
    error = json.loads(body)["error"]
    return error["code"] == code and error["message"]


async def messages():
    """What is no message, or not of this protocol."""
    async with signed_in("bad-messages") as (_, caller, _):
        ping = caller.message("ping")
        deep = '{"jsonrpc":"2.0","id":1,"method":"x","params":' + '{"a":' * 9000 + "1" + "}" * 9001
        for what, body, status, code in [
            ("nothing", "", 400, PARSE_ERROR),
            ("half an object", '{"jsonrpc":', 400, PARSE_ERROR),
            ("no JSON", "hello", 400, PARSE_ERROR),
            ("no UTF-8", b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', 400, PARSE_ERROR),
            ("a batch", [ping, ping], 400, INVALID_REQUEST),
            ("an empty batch", [], 400, INVALID_REQUEST),
            ("a number", 7, 400, INVALID_REQUEST),
            ("an empty object", {}, 400, INVALID_REQUEST),
            ("another version", {"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, INVALID_REQUEST),
            ("an object as id", {"jsonrpc": "2.0", "id": {}, "method": "ping"}, 400, INVALID_REQUEST),
            ("null as id", {"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, INVALID_REQUEST),
            ("a number as method", {"jsonrpc": "2.0", "id": 1, "method": 7}, 400, INVALID_REQUEST),
            ("a list as params", {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, INVALID_REQUEST),
            ("great depth", deep, 400, INVALID_REQUEST),
        ]:
            got, _, text = caller.send(body)
            expect(got == status, f"{what}: {got} instead of {status}: {text[:300]}")
            expect(is_rpc_error(text, code), f"{what}: {text[:300]}")
        status, _, text = caller.send('"' + "x" * (5 << 20) + '"')
        expect(status == 413 and "bytes" in text, f"five megabytes: {status} {text[:300]}")
        expect("one message per POST" in caller.send([ping, ping])[2], "a batch is not told what to do instead")
        for method in ("no/such", "-x", "prompts/get", "../tools/list"):
            status, _, text = caller.send(caller.message(method, {"name": "x"}))
            expect(status < 500 and is_rpc_error(text, METHOD_NOT_FOUND), f"{method}: {status} {text[:300]}")
        for uri in ("file:///etc/passwd", "gateway://tasks/../../etc/passwd", "gateway://tasks/", ""):
            status, _, text = caller.send(caller.message("resources/read", {"uri": uri}))
            expect(status < 500 and is_rpc_error(text, RESOURCE_NOT_FOUND), f"{uri}: {status} {text[:300]}")
        for params in ({}, {"uri": 7}, {"uri": ["x"]}):
            status, _, text = caller.send(caller.message("resources/read", params))
            expect(status < 500 and is_rpc_error(text, INVALID_PARAMS), f"{params}: {status} {text[:300]}")
        for params in ({}, {"name": 7}, {"name": "check_task", "arguments": "x"},
                       {"name": "check_task", "arguments": []}):
            status, _, text = caller.send(caller.message("tools/call", params))
            expect(status < 500 and is_rpc_error(text, INVALID_PARAMS), f"{params}: {status} {text[:300]}")


async def requests():
    """What is wrong around a message: types, sessions, versions, methods, names, sizes."""
    async with signed_in("bad-requests") as (lab, caller, _):
        ping = caller.message("ping")
        for what, changes, method, path, statuses, word in [
            ("text as type", {"Content-Type": "text/plain"}, "POST", "/mcp", {415}, "application/json"),
            ("no type", {"Content-Type": None}, "POST", "/mcp", {415}, "application/json"),
            ("a version that never was", {"MCP-Protocol-Version": "1999-01-01"}, "POST", "/mcp", {400}, "1999-01-01"),
            ("nonsense as version", {"MCP-Protocol-Version": "nonsense"}, "POST", "/mcp", {400}, "nonsense"),
            ("an unknown session", {"Mcp-Session-Id": "gone"}, "POST", "/mcp", {404}, "initialize"),
            ("a session beginning with -", {"Mcp-Session-Id": "--help"}, "POST", "/mcp", {404}, "initialize"),
            ("GET without session", {"Mcp-Session-Id": None, "Accept": "text/event-stream"}, "GET", "/mcp", {400, 405, 422}, "ession"),
            ("GET that wants no stream", {"Accept": "image/png"}, "GET", "/mcp", {406}, "event-stream"),
            ("DELETE without session", {"Mcp-Session-Id": None}, "DELETE", "/mcp", {400, 405, 422}, "ession"),
            ("PUT", {}, "PUT", "/mcp", {405}, "POST"),
            ("a method nobody knows", {}, "BREW", "/mcp", {405}, "POST"),
            ("a route nobody knows", {}, "POST", "/nothing", {404}, ""),
            ("a path that climbs", {}, "GET", "/../../etc/passwd", {404}, ""),
            ("a long path", {}, "GET", "/" + "x" * 9000, {414}, "bytes"),
            ("a bad token", {"Authorization": "Bearer nonsense"}, "POST", "/mcp", {401}, ""),
            ("no token", {"Authorization": None}, "POST", "/mcp", {401}, ""),
            ("a foreign page", {"Origin": "https://evil.example"}, "POST", "/mcp", {403}, "origin"),
            ("a foreign name", {"Host": "evil.example"}, "POST", "/mcp", {421}, "evil.example"),
            ("headers of 40 KB", {"X-Much": "x" * 40_000}, "POST", "/mcp", {431}, ""),
        ]:
            body = None if method in ("GET", "DELETE") else ping
            status, fields, text = caller.send(body, changes, method, path)
            expect(status in statuses, f"{what}: {status} instead of {statuses}: {text[:300]}")
            expect(word in text, f"{what} is not told {word!r}: {text[:300]}")
            expect(status != 401 or "www-authenticate" in fields, f"{what}: no challenge")
            expect(status != 405 or "allow" in fields, f"{what}: no Allow")

        auth = f"Authorization: Bearer {caller.token}\r\nContent-Type: application/json\r\n"
        port = caller.address.port
        own = f"Host: 127.0.0.1:{port}\r\n"
        body = json.dumps(ping)
        length = f"Content-Length: {len(body)}\r\n"
        for what, text, statuses in [
            ("two Hosts", f"POST /mcp HTTP/1.1\r\n{own}Host: evil.example\r\n{auth}{length}\r\n{body}", {400, 421}),
            ("the same Host twice", f"POST /mcp HTTP/1.1\r\n{own}{own}{auth}{length}\r\n{body}", {400}),
            ("no Host", f"POST /mcp HTTP/1.1\r\n{auth}{length}\r\n{body}", {400, 421}),
            ("another name in the target", f"POST http://evil.example/mcp HTTP/1.1\r\n{own}{auth}{length}\r\n{body}", {400, 421}),
            ("two lengths", f"POST /mcp HTTP/1.1\r\n{own}{auth}{length}Content-Length: 5\r\n\r\n{body}", {400}),
            ("length and chunks", f"POST /mcp HTTP/1.1\r\n{own}{auth}{length}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
            ("a length that is none", f"POST /mcp HTTP/1.1\r\n{own}{auth}Content-Length: -1\r\n\r\n", {400}),
            ("no HTTP", "hello gateway\r\n\r\n", {400}),
            ("two tokens", f"POST /mcp HTTP/1.1\r\n{own}{auth}Authorization: Bearer x\r\n{length}\r\n{body}", {400, 401}),
            ("1,000 headers", f"POST /mcp HTTP/1.1\r\n{own}" + "X-A: b\r\n" * 1000 + f"{auth}{length}\r\n{body}", {400, 431}),
        ]:
            status = caller.raw(text.encode())
            expect(status in statuses, f"{what}: {status} instead of {statuses}")
        expect(caller.send(ping)[0] == 200, "a good message is not answered any more")
        expect(caller.token not in lab.logs(), "the token is in the log")


async def modern():
    """The same in the era without sessions, whose headers repeat what the message says."""
    async with signed_in("bad-modern") as (_, caller, task):
        def send(method, params, **changes):
            meta = {f"io.modelcontextprotocol/{name}": value for name, value in (
                ("protocolVersion", "2026-07-28"), ("clientCapabilities", {}),
                ("clientInfo", {"name": "t", "version": "1"}))}
            fields = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Session-Id": None, "Mcp-Method": method,
                      "Mcp-Name": params.get("name") if isinstance(params.get("name"), str) else None}
            status, _, text = caller.send(caller.message(method, params | {"_meta": meta}), fields | changes)
            return status, json.loads(text)

        status, answer = send("tools/call", {"name": "check_task", "arguments": {"task_id": task}})
        expect(status == 200 and not answer["result"].get("isError"), f"a good call: {status} {answer}")
        for name, given, word in [
            ("no_such_tool", {}, "there is no tool"), ("check_task", {"task_id": "-x"}, "`task_id` must be"),
            ("start_task", {"prompt": "x", "plan": True}, "did you mean `plan_only`"),
            ("get_diff", {"task_id": task, "path": "../../etc/passwd"}, "`path` must be"),
        ]:
            status, answer = send("tools/call", {"name": name, "arguments": given})
            expect(status == 200 and answer["result"]["isError"] is True, f"{name}: {status} {answer}")
            expect(word in answer["result"]["content"][0]["text"], f"{name}: {answer}")
        good = {"name": "check_task", "arguments": {"task_id": task}}
        for what, method, params, changes in [
            ("an unknown method", "no/such", {}, {}),
            ("a name that is a number", "tools/call", {"name": 7}, {}),
            ("a header that names another tool", "tools/call", good, {"Mcp-Name": "cancel_task"}),
            ("a header that names another method", "tools/call", good, {"Mcp-Method": "tools/list"}),
            ("no header for the method", "tools/call", good, {"Mcp-Method": None}),
            ("a version that never was", "tools/call", good, {"MCP-Protocol-Version": "2099-01-01"}),
        ]:
            status, answer = send(method, params, **changes)
            # An error of the protocol may come with 200; one that the headers show may not.
            expect(status < 500 and (changes == {} or status >= 400), f"{what}: {status} {answer}")
            expect(answer["error"]["code"] and answer["error"]["message"], f"{what}: {answer}")


async def arguments():
    """What is wrong with a tool's arguments: an error result that says what and what to do."""
    async with signed_in("bad-arguments") as (lab, caller, task):
        long = "p" * 200_000
        for tool, given, word in [
            ("no_such_tool", {}, "there is no tool"),
            ("check_taks", {}, "did you mean `check_task`"),
            ("--help", {}, "there is no tool"),
            ("start_task", {}, "`prompt` is missing"),
            ("start_task", {"prompt": 7}, "`prompt` must be"),
            ("start_task", {"prompt": "  "}, "`prompt` must be"),
            ("start_task", {"prompt": "a\0b"}, "`prompt` must be"),
            ("start_task", {"prompt": long}, "200000 bytes"),
            ("start_task", {"prompt": "x", "project": "gamma"}, "there is no project `gamma`"),
            ("start_task", {"prompt": "x", "project": "--help"}, "there is no project `--help`"),
            ("start_task", {"prompt": "x", "project": "../../etc"}, "there is no project"),
            ("start_task", {"prompt": "x", "executor": "-x"}, "there is no executor"),
            ("start_task", {"prompt": "x", "timeout_minutes": "soon"}, "`timeout_minutes` must be"),
            ("start_task", {"prompt": "x", "timeout_minutes": 10**30}, "`timeout_minutes` must be"),
            ("start_task", {"prompt": "x", "wait_seconds": 3600}, "`wait_seconds` must be"),
            ("start_task", {"prompt": "x", "plan_only": "yes"}, "`plan_only` must be"),
            ("start_task", {"prompt": "x", "plan": True}, "did you mean `plan_only`"),
            ("start_task", {"prompt": "x", "--mcp-config": "{}"}, "there is no property"),
            ("check_task", {"task_id": "-x"}, "`task_id` must be"),
            ("check_task", {"task_id": "--resume=x"}, "`task_id` must be"),
            ("check_task", {"task_id": "-" + "0" * 25}, "`task_id` must be"),
            ("check_task", {"task_id": "0" * 26}, "there is no task"),
            ("check_task", {"task_id": ["x"]}, "`task_id` must be"),
            ("check_task", {"task_id": task, "cursor": "-1"}, "`cursor` must be"),
            ("check_task", {"task_id": task, "cursor": 5}, "`cursor` must be"),
            ("get_result", {"task_id": "../../etc/passwd"}, "`task_id` must be"),
            ("get_result", {"task_id": task, "format": "xml"}, "`format` must be"),
            ("get_result", {"task_id": task, "page": "99999999"}, "page"),
            ("list_tasks", {"state": "done"}, "`state` must be"),
            ("list_tasks", {"since": "yesterday"}, "`since` must be"),
            ("cancel_task", {"task_id": "ALL"}, "`task_id` must be"),
            ("cancel_task", {"task_id": "--all"}, "`task_id` must be"),
            ("get_diff", {"task_id": task, "path": "../../etc/passwd"}, "`path` must be"),
            ("get_diff", {"task_id": task, "path": "a/../../../etc/passwd"}, "`path` must be"),
            ("get_diff", {"task_id": task, "path": "/etc/passwd"}, "`path` must be"),
            ("get_diff", {"task_id": task, "path": "--output=/tmp/x"}, "`path` must be"),
            ("get_diff", {"task_id": task, "path": ":(top)x"}, "`path` must be"),
            ("get_diff", {"task_id": task, "path": "nobody/knows.txt"}, "changed nothing at"),
            ("list_projects", {"x": 1}, "no arguments"),
        ]:
            answer = caller.call(tool, given)
            shown = f"{tool} {str(given)[:80]}"
            expect(answer.get("result", {}).get("isError") is True, f"{shown}: {str(answer)[:300]}")
            text = answer["result"]["content"][0]["text"]
            expect(word in text and "\nhint: " in text, f"{shown} is told: {text[:300]}")
            expect(len(text) < 2000 and str(lab.folder) not in text, f"{shown} is told: {text[:300]}")
            expect("root:x:" not in text, f"{shown} shows the file")


main({"messages": messages, "requests": requests, "modern": modern, "arguments": arguments})
