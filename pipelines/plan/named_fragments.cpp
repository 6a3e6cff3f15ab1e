/// Which fragments files name, found without planning them.
#include "pipelines/config/document.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"

#include <algorithm>
#include <set>

namespace sluice::plan {
namespace {

using config::Node;

// One more than the planner takes, so that its own limit is what a person reads about.
constexpr std::size_t k_max_fragments = 100;

class Names {
public:
    explicit Names(const std::string& inside) : inside_(inside) {}

    void file(const Node& root) {
        steps(root.find("steps"));
        const Node* jobs = root.find("jobs");
        if (jobs == nullptr) return;
        for (const config::Member& job : jobs->members) {
            uses(job.value);
            steps(job.value.find("steps"));
        }
    }

    std::vector<std::string> take() { return std::move(out_); }

private:
    void steps(const Node* list) {
        if (list == nullptr) return;
        for (const Node& step : list->items) uses(step);
    }

    void uses(const Node& holder) {
        const Node* name = holder.find("uses");
        // What is no reference is no path either: the planner says so.
        if (name == nullptr || !name->is_scalar() ||
            config::check_scalar(config::Scalar::fragment, name->text))
            return;
        out_.push_back(resolve_reference(name->text, inside_));
    }

    const std::string& inside_;
    std::vector<std::string> out_;
};

}  // namespace

std::vector<std::string> named_fragments(const std::vector<SourceFile>& files) {
    std::vector<std::string> out;
    for (const SourceFile& file : files) {
        if (file.text.find("uses") == std::string::npos) continue;
        config::Diagnostics ignored;
        const int index = ignored.add_file(file.path, config::without_bom(file.text));
        const auto root = config::parse_document(index, ignored);
        if (!root) continue;
        Names names(file.path);
        names.file(*root);
        for (std::string& name : names.take())
            if (std::find(out.begin(), out.end(), name) == out.end())
                out.push_back(std::move(name));
    }
    return out;
}

std::vector<SourceFile> collect_fragments(
    const std::vector<SourceFile>& files,
    const std::function<std::optional<SourceFile>(const std::string&)>& read) {
    std::vector<SourceFile> out;
    std::set<std::string> seen;
    std::vector<SourceFile> fresh;
    for (std::size_t depth = 0; depth < k_max_call_depth; ++depth) {
        std::vector<SourceFile> next;
        for (const std::string& name : named_fragments(depth == 0 ? files : fresh)) {
            if (seen.size() > k_max_fragments || !seen.insert(name).second) continue;
            if (auto file = read(name)) next.push_back(std::move(*file));
        }
        out.insert(out.end(), next.begin(), next.end());
        fresh = std::move(next);
        if (fresh.empty()) break;
    }
    return out;
}

}  // namespace sluice::plan
