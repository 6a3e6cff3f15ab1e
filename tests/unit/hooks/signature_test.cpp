#include "delivery_fixture.hpp"

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;

namespace {

const std::string k_vector = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

struct Case {
    std::string name;
    std::string forge;
    std::map<std::string, std::string, std::less<>> headers;
    std::string refused;  ///< "" = accepted
};

RawDelivery hello(const Case& c) {
    RawDelivery raw;
    raw.headers = c.headers;
    raw.body = "Hello, World!";
    return raw;
}

std::string outcome(const Result<>& result) {
    return result ? "" : result.error().id;
}

}  // namespace

TEST_CASE("deliveries are accepted by their signature alone", "[hooks]") {
    const std::string sha1 = "sha1=2b2f5e2b2f5e2b2f5e2b2f5e2b2f5e2b2f5e2b2f";
    const std::string other = hex_hmac("the secret of another project", "Hello, World!");
    auto check = [](const Case& c) {
        INFO(c.forge << ": " << c.name);
        CHECK(outcome(forge_by_name(c.forge)->verify(hello(c), k_secret)) == c.refused);
    };
    check({"GitHub's own test vector",
           "github",
           {{"x-hub-signature-256", "sha256=" + k_vector}},
           ""});
    check({"upper-case digits",
           "github",
           {{"x-hub-signature-256", "sha256=" + upper(k_vector)}},
           ""});
    check({"W1 no signature", "github", {}, "signature_missing"});
    check({"W2 signature of another project",
           "github",
           {{"x-hub-signature-256", "sha256=" + other}},
           "signature_mismatch"});
    check({"W3 SHA-1 only", "github", {{"x-hub-signature", sha1}}, "signature_weak"});
    check({"SHA-1 beside SHA-256",
           "github",
           {{"x-hub-signature", sha1}, {"x-hub-signature-256", "sha256=" + k_vector}},
           ""});
    check({"W4 too short",
           "github",
           {{"x-hub-signature-256", "sha256=" + k_vector.substr(1)}},
           "signature_mismatch"});
    check({"W4 half of it",
           "github",
           {{"x-hub-signature-256", "sha256=" + k_vector.substr(32)}},
           "signature_mismatch"});
    check({"W4 not hex",
           "github",
           {{"x-hub-signature-256", "sha256=" + std::string(64, 'g')}},
           "signature_mismatch"});
    check({"W4 trailing space",
           "github",
           {{"x-hub-signature-256", "sha256=" + k_vector + " "}},
           "signature_mismatch"});
    check({"no prefix", "github", {{"x-hub-signature-256", k_vector}}, "signature_mismatch"});
    check({"another prefix",
           "github",
           {{"x-hub-signature-256", "SHA256=" + k_vector}},
           "signature_mismatch"});
    check({"empty", "github", {{"x-hub-signature-256", ""}}, "signature_mismatch"});
    check({"a GitLab token", "github", {{"x-gitlab-token", k_secret}}, "signature_missing"});
    check({"plain hex", "gitea", {{"x-gitea-signature", k_vector}}, ""});
    check({"GitHub's header", "gitea", {{"x-hub-signature-256", "sha256=" + k_vector}}, ""});
    check({"Forgejo's header", "gitea", {{"x-forgejo-signature", k_vector}}, ""});
    check({"all of them",
           "gitea",
           {{"x-gitea-signature", k_vector},
            {"x-gogs-signature", k_vector},
            {"x-hub-signature-256", "sha256=" + k_vector},
            {"x-hub-signature", sha1}},
           ""});
    check({"one of them wrong",
           "gitea",
           {{"x-gitea-signature", k_vector}, {"x-hub-signature-256", "sha256=" + other}},
           "signature_mismatch"});
    check({"none", "gitea", {}, "signature_missing"});
    check({"SHA-1 only", "gitea", {{"x-hub-signature", sha1}}, "signature_weak"});
    check({"the token", "gitlab", {{"x-gitlab-token", k_secret}}, ""});
    check({"another token",
           "gitlab",
           {{"x-gitlab-token", "It's a Secret to everybody"}},
           "signature_mismatch"});
    check({"a part of the token",
           "gitlab",
           {{"x-gitlab-token", "It's a Secret"}},
           "signature_mismatch"});
    check({"an empty token", "gitlab", {{"x-gitlab-token", ""}}, "signature_mismatch"});
    check({"nothing", "gitlab", {}, "signature_missing"});
    check({"the hook's signature", "git", {{"x-sluice-signature-256", "sha256=" + k_vector}}, ""});
    check(
        {"another", "git", {{"x-sluice-signature-256", "sha256=" + other}}, "signature_mismatch"});
    check({"none", "git", {{"x-hub-signature-256", "sha256=" + k_vector}}, "signature_missing"});
}

TEST_CASE("a project without a secret takes no deliveries, not all of them", "[hooks]") {
    for (const char* forge : {"github", "gitlab", "gitea", "git"}) {
        RawDelivery raw;
        raw.body = "x";
        raw.headers = {{"x-gitlab-token", ""},
                       {"x-hub-signature-256", "sha256=" + hex_hmac("", "x")},
                       {"x-gitea-signature", hex_hmac("", "x")},
                       {"x-sluice-signature-256", "sha256=" + hex_hmac("", "x")}};
        CHECK(forge_by_name(forge)->verify(raw, "").error().id == "hook_disabled");
    }
}

TEST_CASE("a signature or event that is sent twice is refused", "[hooks]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"github", "x-hub-signature-256"}, {"github", "x-github-event"},
        {"github", "x-github-delivery"},   {"gitlab", "x-gitlab-token"},
        {"gitlab", "webhook-signature"},   {"gitea", "x-gitea-signature"},
        {"gitea", "x-gitea-event"},        {"git", "x-sluice-signature-256"}};
    for (const auto& [forge, name] : cases) {
        RawDelivery raw;
        raw.body = "Hello, World!";
        raw.headers = {{"x-hub-signature-256", "sha256=" + k_vector},
                       {"x-gitlab-token", k_secret},
                       {"x-gitea-signature", k_vector},
                       {"x-sluice-signature-256", "sha256=" + k_vector}};
        raw.duplicates = {"accept", name};
        auto result = forge_by_name(forge)->verify(raw, k_secret);
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error().id == "duplicate_header");
        CHECK(result.error().code == Code::invalid);
        CHECK(result.error().where == name);
    }
}

TEST_CASE("GitLab's signing token follows Standard Webhooks", "[hooks]") {
    const std::string key("\x01\x02raw key bytes\xff", 16);
    const std::string secret = "whsec_" + text::to_base64(key);
    RawDelivery raw;
    raw.body = "{}";
    raw.headers = {{"webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
                   {"webhook-timestamp", "1674087231"}};
    const std::string signed_text = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W.1674087231.{}";
    auto sign = [&](const std::string& by) {
        return "v1," + text::to_base64(crypto::hmac_sha256(by, signed_text));
    };
    auto verify = [&](const std::string& signature) {
        raw.headers["webhook-signature"] = signature;
        return outcome(forge_by_name("gitlab")->verify(raw, secret));
    };
    CHECK(verify(sign(key)) == "");
    CHECK(verify(sign(secret)) == "");
    CHECK(verify("v1,AAAA " + sign(key) + " v1a,x") == "");
    CHECK(verify(sign("another")) == "signature_mismatch");
    CHECK(verify("v1a," + sign(key).substr(3)) == "signature_mismatch");
    CHECK(verify("") == "signature_mismatch");

    SECTION("the body, the id and the time are signed") {
        const std::string member =
            GENERATE(std::string("webhook-id"), std::string("webhook-timestamp"));
        raw.headers[member] += "0";
        CHECK(verify(sign(key)) == "signature_mismatch");
    }
    SECTION("the token is enough where the signing key is another one") {
        raw.headers["x-gitlab-token"] = secret;
        CHECK(verify(sign("another")) == "");
    }
}

TEST_CASE("a delivery is known by its id, or else by its body", "[hooks]") {
    RawDelivery raw;
    raw.body = "{}";
    const std::string by_body = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    for (const char* forge : {"github", "gitlab", "gitea", "git"})
        CHECK(forge_by_name(forge)->delivery_id(raw) == by_body);
    raw.headers = {{"x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
                   {"idempotency-key", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"},
                   {"x-gitea-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"},
                   {"x-sluice-delivery", "00ff"}};
    CHECK(forge_by_name("github")->delivery_id(raw) == "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    CHECK(forge_by_name("gitlab")->delivery_id(raw) == "f5e5f430-f57b-4e6e-9fac-d9128cd7232f");
    CHECK(forge_by_name("gitea")->delivery_id(raw) == "f6266f16-1bf3-46a5-9ea4-602e06ead473");
    CHECK(forge_by_name("git")->delivery_id(raw) == "00ff");
    for (const std::string& odd :
         {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a\nb")}) {
        raw.headers["x-github-delivery"] = odd;
        CHECK(forge_by_name("github")->delivery_id(raw) == by_body);
    }
}

TEST_CASE("only the four sources are known", "[hooks]") {
    for (const char* name : {"bitbucket", "", "GitHub", "github "})
        CHECK(forge_by_name(name) == nullptr);
}
