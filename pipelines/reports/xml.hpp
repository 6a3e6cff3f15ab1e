#pragma once
/// XML from strangers as a stream of events, on expat. No entities of its own, no external files,
/// no tag over 1 MiB, at most 64 levels deep. Pure, any thread.

#include "pipelines/base/result.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::reports {

/// The attributes of one start tag; valid only while XmlHandler::start() runs.
class XmlAttributes {
public:
    explicit XmlAttributes(const char** list) : list_(list) {}
    /// "" when the tag does not have it.
    std::string_view operator[](std::string_view name) const;
    /// As a positive number; 0 when it is none.
    int number(std::string_view name) const;

private:
    const char** list_;
};

/// Names come without their namespace prefix.
class XmlHandler {
public:
    virtual ~XmlHandler() = default;
    virtual void start(std::string_view name, const XmlAttributes& attributes) = 0;
    virtual void end(std::string_view name) = 0;
    virtual void text(std::string_view piece) = 0;
};

/// May a document name its type? Its definition is never read, wherever it is.
enum class Doctype { refused, by_name };

class XmlReader {
public:
    /// `id` is the id of every refusal; `where` of a refusal is `line:column`.
    XmlReader(std::string id, XmlHandler& handler, std::size_t max_bytes = 256u << 20,
              Doctype doctype = Doctype::refused);
    ~XmlReader();
    XmlReader(const XmlReader&) = delete;
    XmlReader& operator=(const XmlReader&) = delete;

    /// In pieces of any size. After a refusal every further call gives the same one.
    Result<> feed(std::string_view bytes);
    Result<> finish();
    /// For the handler: refuses the document from here on.
    void stop(std::string reason, Code code = Code::invalid);
    bool stopped() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::reports
