#include "pipelines/base/json.hpp"
#include "server/api/api.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace sluice;

namespace sluice::api {
extern const std::string_view k_openapi;
}

namespace {

std::string method_name(http::Method method) {
    switch (method) {
        case http::Method::get: return "get";
        case http::Method::head: return "head";
        case http::Method::post: return "post";
        case http::Method::put: return "put";
        case http::Method::patch: return "patch";
        case http::Method::del: return "delete";
    }
    return "";
}

/// Routes only bind handlers: nothing of the Api is touched before a request comes.
std::vector<http::Route> routes() {
    alignas(api::Api) static unsigned char memory[sizeof(api::Api)];
    return api::all_routes(*reinterpret_cast<api::Api*>(memory));
}

/// A route as OpenAPI writes it, which has no word for a parameter that takes slashes.
std::string told_as(const http::Route& route) {
    std::string pattern = route.pattern;
    if (const auto rest = pattern.find("*}"); rest != std::string::npos) pattern.erase(rest, 1);
    return pattern;
}

json::Value document() {
    return json::parse(api::k_openapi, {.bytes = 1 << 20, .depth = 64}).value();
}

}  // namespace

TEST_CASE("the OpenAPI document and the routes tell of the same operations", "[openapi]") {
    std::set<std::string> served, told;
    for (const auto& route : routes())
        if (!route.pattern.starts_with("/agent/"))
            served.insert(method_name(route.method) + " " + told_as(route));
    const auto doc = document();
    for (const auto& [path, item] : doc.at("paths").as_object())
        for (const auto& [method, operation] : item.as_object())
            told.insert(std::string(method) + " " + std::string(path));
    for (const auto& one : served)
        if (!told.contains(one)) FAIL_CHECK("served but not in the document: " << one);
    for (const auto& one : told)
        if (!served.contains(one)) FAIL_CHECK("in the document but not served: " << one);
    CHECK(served.size() > 25);
}

TEST_CASE("what the document calls public is public, and nothing else", "[openapi]") {
    const auto doc = document();
    for (const auto& route : routes()) {
        if (route.pattern.starts_with("/agent/")) {
            CHECK((route.auth == http::Auth::agent || route.auth == http::Auth::lease ||
                   route.pattern == "/agent/v1/register"));
            continue;
        }
        const auto& operation =
            doc.at("paths").at(told_as(route)).at(method_name(route.method)).as_object();
        const auto* security = operation.if_contains("security");
        const bool open = security && security->as_array().empty();
        INFO(route.pattern);
        CHECK(open == (route.auth != http::Auth::bearer));
    }
}

TEST_CASE("every reference in the document leads somewhere", "[openapi]") {
    const auto doc = document();
    const auto& schemas = doc.at("components").at("schemas").as_object();
    std::vector<const json::Value*> open{&doc};
    int found = 0;
    while (!open.empty()) {
        const auto* value = open.back();
        open.pop_back();
        if (value->is_array())
            for (const auto& item : value->as_array()) open.push_back(&item);
        if (!value->is_object()) continue;
        for (const auto& [key, item] : value->as_object()) {
            open.push_back(&item);
            if (key != "$ref") continue;
            ++found;
            const std::string ref(item.as_string());
            CHECK(schemas.contains(ref.substr(std::string("#/components/schemas/").size())));
        }
    }
    CHECK(found > 30);
}
