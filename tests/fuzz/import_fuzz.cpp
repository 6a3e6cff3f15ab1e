// Bytes as a pipeline of another system → `.ci.yml` that the validator has seen, or a reason; the
// first byte chooses the system. "Fully" means that the planner finds no error.
#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/import/import.hpp"

#include <cstdint>
#include <cstdlib>

using namespace sluice;
using namespace sluice::importer;

namespace {
void require(bool holds) {
    if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto origin = static_cast<Origin>(data[0] % 3);
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Imported imported = import_pipeline(origin, "f.yml", text);
    require(imported.text.empty() == (imported.share == Share::not_at_all));
    require(imported.share == Share::fully || !imported.notes.empty());
    for (const Note& note : imported.notes) {
        require(!note.message.empty());
        require(note.line >= 0 && (note.line == 0) == (note.column == 0));
    }
    // Whatever was read, what is written is YAML.
    if (imported.text.empty() || imported.text.size() > config::k_max_file_bytes) return 0;
    config::Diagnostics diagnostics;
    const int file = diagnostics.add_file(".ci.yml", imported.text);
    const auto root = config::parse_document(file, diagnostics);
    require(root.has_value() || imported.share == Share::partly);
    return 0;
}
