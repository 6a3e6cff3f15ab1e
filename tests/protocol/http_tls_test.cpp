/// TLS, with a certificate made by the openssl program.
#include "tests/protocol/http_fixture.hpp"

#include <cstdlib>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

TEST_CASE("TLS serves HTTP/1.1 from 1.2 on, with ALPN", "[http][server][tls]") {
    char folder[] = "/tmp/sluice-tls-XXXXXX";
    REQUIRE(::mkdtemp(folder));
    std::string base = folder;
    auto run = [](const std::string& command) {
        std::string output;
        FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
        char buffer[4096];
        for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
            output.append(buffer, got);
        ::pclose(pipe);
        return output;
    };
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj "
        "/CN=localhost -keyout " +
        base + "/key.pem -out " + base + "/cert.pem");
    ServerOptions options;
    options.tls_certificate = base + "/cert.pem";
    options.tls_key = base + "/key.pem";
    auto big = std::make_shared<const std::string>(500000, 'x');
    auto handler = [big](Request& request) -> awaitable<Reply> {
        if (request.path == "/big") co_return Reply{200, "text/plain", {}, big};
        auto body = co_await request.body->read_all(1 << 20);
        if (!body) co_return error_reply(body.error());
        co_return Reply{200, "text/plain", {}, (request.tls ? "tls " : "plain ") + *body};
    };
    TestServer server{handler, options};
    auto address = "127.0.0.1:" + std::to_string(server.port());
    auto client = "openssl s_client -connect " + address + " -CAfile " + base +
                  "/cert.pem -verify_return_error -ign_eof ";
    auto close = std::string{
        "printf 'POST / HTTP/1.1\\r\\nHost: ci\\r\\nContent-Length: 5\\r\\nConnection: "
        "close\\r\\n\\r\\nhello' | "};
    auto output = run(close + client + "-alpn h2,http/1.1");
    CHECK(output.find("ALPN protocol: http/1.1") != std::string::npos);
    CHECK(output.find("tls hello") != std::string::npos);
    CHECK(run(close + client + "-tls1_2").find("tls hello") != std::string::npos);
    auto old = run(close + client + "-tls1_1 -cipher ALL:@SECLEVEL=0");
    CHECK(old.find("tls hello") == std::string::npos);
    auto both =
        "printf 'GET /big HTTP/1.1\\r\\nHost: ci\\r\\n\\r\\nGET /big HTTP/1.1\\r\\nHost: "
        "ci\\r\\nConnection: close\\r\\n\\r\\n' | ";
    CHECK(run(both + client + "-quiet").size() > 1000000);

    options.tls_certificate = base + "/missing.pem";
    boost::asio::io_context io;
    CHECK_THROWS_WITH((Server{io.get_executor(), options, handler}),
                      Catch::Contains("missing.pem"));
    run("rm -r " + base);
}
