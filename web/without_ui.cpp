#include "web/embedded.hpp"

namespace sluice::web {

namespace {

constexpr std::string_view k_page =
    "<!doctype html><meta charset=utf-8><title>Sluice</title>"
    "<p>This build of sluice-server was made without the web UI (SLUICE_WEB=OFF). The API and the CLI work.";

}  // namespace

std::span<const Asset> assets() {
    static const Asset page{"/index.html", "text/html; charset=utf-8", "\"none\"",
                            {reinterpret_cast<const unsigned char*>(k_page.data()), k_page.size()}, false};
    return {&page, 1};
}

}  // namespace sluice::web
