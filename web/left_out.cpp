// Stands for the pages in builds without npm (SLUICE_WEB=OFF).
#include "web/embedded.hpp"

#include <array>

namespace sluice::web {

namespace {

constexpr std::string_view k_page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice</title>
<h1>Sluice</h1>
<p>This server was built without its web pages (SLUICE_WEB=OFF).</p>
<p>The command line tool works: <code>sluice login URL</code>, then <code>sluice status</code>.</p>
<p>To have the pages, install npm and build with <code>-DSLUICE_WEB=ON</code>.</p>
</html>
)";

constexpr std::array<unsigned char, k_page.size()> k_bytes = [] {
    std::array<unsigned char, k_page.size()> bytes{};
    for (std::size_t i = 0; i < k_page.size(); ++i)
        bytes[i] = static_cast<unsigned char>(k_page[i]);
    return bytes;
}();

const std::array<Asset, 1> k_assets{
    {{"/index.html", "text/html; charset=utf-8", "\"left-out-1\"", k_bytes, false}}};

}  // namespace

std::span<const Asset> assets() {
    return k_assets;
}

}  // namespace sluice::web
