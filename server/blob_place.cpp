#include "server/blob_place.hpp"

#include "server/store/meta.hpp"
#include "server/store/packs.hpp"

#include <fmt/format.h>

namespace sluice::server {

namespace {

constexpr std::string_view k_meta = "blob_place";  // "" = files in --data

}  // namespace

Result<std::unique_ptr<blobs::S3>> open_object_store(const Options& options) {
    if (options.blobs.empty()) return std::unique_ptr<blobs::S3>();
    blobs::S3Options s3;
    SLUICE_TRY(s3.place, blobs::parse_s3_place(options.blobs));
    SLUICE_TRY(s3.credentials, blobs::find_s3_credentials(options.s3_credentials));
    s3.endpoint = options.s3_endpoint;
    s3.region = options.s3_region;
    s3.ca_file = options.s3_ca;
    auto store = std::make_unique<blobs::S3>(std::move(s3));
    SLUICE_CHECK(store->check());
    return store;
}

Result<> remember_blob_place(store::Writer& writer, const Options& options) {
    std::string place;
    if (!options.blobs.empty()) {
        SLUICE_TRY(const auto parsed, blobs::parse_s3_place(options.blobs));
        place = parsed.to_text();
    }
    auto remember = [&place](store::Tx& tx) -> Result<> {
        const std::string last = store::get_meta(tx, k_meta).value_or("");
        if (last == place) return {};
        if (!last.empty() && store::has_blobs(tx))
            return error(Code::conflict, "other_blobs",
                         fmt::format("the blobs of this data folder are in {}: start with --blobs "
                                     "{} and its --s3-endpoint{}",
                                     last, last,
                                     place.empty() ? "" : "; they can't be in two object stores"),
                         "--blobs");
        store::set_meta(tx, k_meta, place);
        return {};
    };
    return writer.write_blocking(remember);
}

}  // namespace sluice::server
