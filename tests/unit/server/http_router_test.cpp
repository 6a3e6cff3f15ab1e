#include "server/http/router.hpp"
#include "server/http/static_files.hpp"
#include "tests/unit/server/http_coro.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

/// A handler that answers with its name and the parameters it got.
Handler says(std::string name) {
    return [name](Request& request) -> awaitable<Reply> {
        std::string text = name;
        for (const auto& [key, value] : request.params) text += " " + key + "=" + value;
        co_return json_reply(200, text);
    };
}

Router api() {
    return Router{{
        {Method::get, "/", Auth::none, says("root")},
        {Method::get, "/runs", Auth::bearer, says("runs")},
        {Method::post, "/runs", Auth::bearer, says("new run")},
        {Method::get, "/runs/{run}", Auth::bearer, says("run")},
        {Method::get, "/runs/latest", Auth::bearer, says("latest")},
        {Method::post, "/runs/{id}/jobs/{job}", Auth::bearer, says("job")},
        {Method::put, "/blobs/{path*}", Auth::lease, says("blob")},
    }};
}

Reply ask(const Router& router, Method method, std::string path) {
    Request request;
    request.method = method;
    request.path = std::move(path);
    return run_coroutine(router.handle(request));
}

std::string text(const Reply& reply) {
    return std::get<std::string>(reply.body);
}

}  // namespace

TEST_CASE("the router finds the handler and names its parameters", "[http][router]") {
    auto router = api();
    CHECK(text(ask(router, Method::get, "/")) == "root");
    CHECK(text(ask(router, Method::get, "/runs")) == "runs");
    CHECK(text(ask(router, Method::post, "/runs")) == "new run");
    CHECK(text(ask(router, Method::get, "/runs/12")) == "run run=12");
    CHECK(text(ask(router, Method::get, "/runs/latest")) == "latest");
    CHECK(text(ask(router, Method::post, "/runs/latest/jobs/7")) == "job id=latest job=7");
    CHECK(text(ask(router, Method::put, "/blobs/a/b/c")) == "blob path=a/b/c");
    CHECK(text(ask(router, Method::head, "/runs")) == "runs");
}

TEST_CASE("an unknown path is 404, a known one with another method 405 with Allow",
          "[http][router]") {
    auto router = api();
    for (auto path :
         {"/nothing", "/runs/", "/runs/12/", "/runs/12/jobs", "/blobs", "/blobs/", "/RUNS"}) {
        INFO(path);
        CHECK(ask(router, Method::get, path).status == 404);
    }
    auto reply = ask(router, Method::del, "/runs");
    CHECK(reply.status == 405);
    CHECK(reply.headers.front() == std::pair<std::string, std::string>{"Allow", "GET, HEAD, POST"});
    CHECK(text(reply).find("method_not_allowed") != std::string::npos);
}

TEST_CASE("two equal routes are a bug, whatever their parameters are called", "[http][router]") {
    std::vector<Route> routes{{Method::get, "/a/{x}", Auth::none, says("1")},
                              {Method::get, "/a/{y}", Auth::none, says("2")}};
    CHECK_THROWS_AS(Router{routes}, std::logic_error);
    CHECK_THROWS_WITH(Router{routes}, "two routes for GET /a/{y}");
}

TEST_CASE("the fallback gets what a browser may have meant", "[http][router]") {
    auto router = api();
    router.set_fallback(says("ui"));
    CHECK(text(ask(router, Method::get, "/whatever")) == "ui");
    CHECK(ask(router, Method::post, "/whatever").status == 404);
    CHECK(ask(router, Method::del, "/runs").status == 405);
}

TEST_CASE("the UI is served with its policy, its routes fall back to the index", "[http][static]") {
    static const Asset assets[] = {
        {"/index.html", "text/html; charset=utf-8", "<html>", false, "\"i1\""},
        {"/assets/app-3f2a91bc.js", "text/javascript", "gzip'd", true, "\"a1\""},
        {"/icon.svg", "image/svg+xml", "<svg>", false, ""},
    };
    auto handler = static_files(assets);
    auto get = [&](std::string path, std::string accept = "text/html", std::string etag = "") {
        Request request;
        request.path = std::move(path);
        request.headers = {{"accept", accept}, {"if-none-match", etag}};
        return run_coroutine(handler(request));
    };
    auto header = [](const Reply& reply, std::string_view name) -> std::string {
        for (const auto& [key, value] : reply.headers)
            if (key == name) return value;
        return "";
    };
    auto body = [](const Reply& reply) {
        return *std::get<std::shared_ptr<const std::string>>(reply.body);
    };

    auto index = get("/");
    CHECK(index.status == 200);
    CHECK(body(index) == "<html>");
    CHECK(header(index, "Cache-Control") == "no-cache");
    CHECK(header(index, "Content-Security-Policy").find("default-src 'none'; script-src 'self'") ==
          0);
    CHECK(body(get("/runs/12")) == "<html>");
    CHECK(get("/runs/12", "application/json").status == 404);
    CHECK(get("/missing.js").status == 404);
    CHECK(get("/api/v1/missing").status == 404);
    CHECK(get("/", "text/html", "\"i1\"").status == 304);
    auto script = get("/assets/app-3f2a91bc.js", "*/*");
    CHECK(header(script, "Content-Encoding") == "gzip");
    CHECK(header(script, "Cache-Control") == "public, max-age=31536000, immutable");
    CHECK(header(script, "Content-Security-Policy").empty());
}
