#include "pipelines/reports/xml.hpp"

#include <expat.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace sluice::reports {
namespace {

constexpr int k_max_depth = 64;
constexpr std::size_t k_piece = 64 * 1024;
/// A tag that is not complete after so many bytes is refused: expat keeps it whole, and reads it
/// again from its beginning with every piece.
constexpr std::size_t k_max_tag = 1 << 20;

std::string_view local_name(const char* name) {
    const std::string_view full(name);
    const std::size_t colon = full.rfind(':');
    return colon == std::string_view::npos ? full : full.substr(colon + 1);
}

}  // namespace

std::string_view XmlAttributes::operator[](std::string_view name) const {
    for (std::size_t i = 0; list_[i] != nullptr; i += 2)
        if (name == list_[i]) return list_[i + 1];
    return {};
}

int XmlAttributes::number(std::string_view name) const {
    const std::string_view text = (*this)[name];
    int out = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    return ec == std::errc{} && end == text.data() + text.size() && out > 0 ? out : 0;
}

struct XmlReader::Impl {
    Impl(std::string error_id, XmlHandler& events, std::size_t limit, Doctype types)
        : id(std::move(error_id)), handler(events), max_bytes(limit), doctype(types) {
        if (parser == nullptr) throw std::bad_alloc();
        XML_SetUserData(parser, this);
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        XML_SetStartDoctypeDeclHandler(parser, on_doctype);
        XML_SetEntityDeclHandler(parser, on_entity);
    }
    ~Impl() { XML_ParserFree(parser); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    std::string where() const {
        return fmt::format("{}:{}", XML_GetCurrentLineNumber(parser),
                           XML_GetCurrentColumnNumber(parser) + 1);
    }
    void stop(std::string reason, Code code) {
        if (error) return;
        error = sluice::error(code, id, std::move(reason), where());
        XML_StopParser(parser, XML_FALSE);
    }

    // gcovr names a DTD by address, which nobody fetches. One that stands in the file can define
    // entities (billion laughs, files of the machine); no tool writes one.
    static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*,
                           int has_internal_subset) {
        auto& impl = *static_cast<Impl*>(self);
        if (has_internal_subset != 0 || impl.doctype == Doctype::refused)
            impl.stop("a document type is not allowed in a report", Code::invalid);
    }
    static void on_entity(void* self, const XML_Char*, int, const XML_Char*, int, const XML_Char*,
                          const XML_Char*, const XML_Char*, const XML_Char*) {
        static_cast<Impl*>(self)->stop("entities are not allowed in a report", Code::invalid);
    }
    static void on_start(void* self, const XML_Char* name, const XML_Char** attributes) {
        auto& impl = *static_cast<Impl*>(self);
        if (++impl.depth > k_max_depth)
            return impl.stop(fmt::format("nested deeper than {} levels", k_max_depth),
                             Code::invalid);
        impl.handler.start(local_name(name), XmlAttributes(attributes));
    }
    static void on_end(void* self, const XML_Char* name) {
        auto& impl = *static_cast<Impl*>(self);
        --impl.depth;
        impl.handler.end(local_name(name));
    }
    static void on_text(void* self, const XML_Char* text, int length) {
        static_cast<Impl*>(self)->handler.text({text, static_cast<std::size_t>(length)});
    }

    void parse(std::string_view piece, bool last) {
        const auto status = XML_Parse(parser, piece.data(), static_cast<int>(piece.size()), last);
        if (error) return;
        if (status == XML_STATUS_ERROR) {
            error = sluice::error(Code::invalid, id, XML_ErrorString(XML_GetErrorCode(parser)),
                                  where());
            return;
        }
        // -1 while nothing has been read; then the place of the last event.
        const auto done = XML_GetCurrentByteIndex(parser);
        if (!last && bytes - static_cast<std::size_t>(done < 0 ? 0 : done) > k_max_tag)
            stop(fmt::format("a tag of more than {} KiB", k_max_tag >> 10), Code::too_large);
    }

    std::string id;
    XmlHandler& handler;
    std::size_t max_bytes;
    Doctype doctype;
    XML_Parser parser = XML_ParserCreate(nullptr);
    std::optional<Error> error;
    std::size_t bytes = 0;
    int depth = 0;
};

XmlReader::XmlReader(std::string id, XmlHandler& handler, std::size_t max_bytes, Doctype doctype)
    : impl_(std::make_unique<Impl>(std::move(id), handler, max_bytes, doctype)) {}
XmlReader::~XmlReader() = default;

Result<> XmlReader::feed(std::string_view bytes) {
    Impl& impl = *impl_;
    while (!bytes.empty() && !impl.error) {
        const std::string_view piece = bytes.substr(0, k_piece);
        bytes.remove_prefix(piece.size());
        impl.bytes += piece.size();
        if (impl.bytes > impl.max_bytes)
            impl.stop(fmt::format("more than {} MiB", impl.max_bytes >> 20), Code::too_large);
        else
            impl.parse(piece, false);
    }
    if (impl.error) return *impl.error;
    return {};
}

Result<> XmlReader::finish() {
    if (!impl_->error) impl_->parse({}, true);
    if (impl_->error) return *impl_->error;
    return {};
}

void XmlReader::stop(std::string reason, Code code) {
    impl_->stop(std::move(reason), code);
}

bool XmlReader::stopped() const {
    return impl_->error.has_value();
}

}  // namespace sluice::reports
