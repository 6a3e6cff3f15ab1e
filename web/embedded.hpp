#pragma once
/// The web UI as the build embedded it.

#include <span>
#include <string_view>

namespace sluice::web {

struct Asset {
    std::string_view path;          ///< `/index.html`
    std::string_view content_type;
    std::string_view etag;          ///< with its quotes
    std::span<const unsigned char> bytes;
    bool gzip = false;              ///< bytes are gzip'd
};

std::span<const Asset> assets();

}  // namespace sluice::web
