/// The part of an attempt that brings the files it works on: inputs from other jobs.
#include "agent/runner/attempt.hpp"
#include "agent/runner/workspace_files.hpp"
#include "platform/packs/pack_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::agent {

namespace {

std::string upper(std::string_view name) {
    std::string out(name);
    for (char& c : out)
        c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

}  // namespace

std::string Attempt::seen_by_steps(const files::Path& path) const {
    return (executor_->places().workspace / path.lexically_relative(folder_.workspace())).string();
}

bool Attempt::make_own_folder() {
    // A repository that has a link of that name must not lead us elsewhere.
    const files::Path ours = folder_.workspace() / ".sluice";
    std::error_code failed;
    if (std::filesystem::is_symlink(ours, failed)) std::filesystem::remove(ours, failed);
    const Result<HeldFolder> made = HeldFolder::make(folder_.workspace(), ".sluice/outputs");
    if (!made) {
        note(made.error().message);
        failed_ = true;
        failure_ = {model::AttemptResult::errored, std::nullopt, std::nullopt, model::Cause::setup,
                    made.error().message};
    }
    if (made) job_.env["CI_OUTPUT_DIR"] = seen_by_steps(ours / "outputs");
    return made.has_value();
}

bool Attempt::take_inputs() {
    const auto& outputs = job_.spec.outputs;
    const bool has_files = std::any_of(outputs.begin(), outputs.end(), [](const auto& output) {
        return !model::is_value(output.second.type);
    });
    if (has_files || !job_.spec.inputs.empty()) {
        if (!make_own_folder()) return false;
    }
    for (const auto& [name, input] : job_.spec.inputs) {
        Result<> taken = ports_.blobs == nullptr
                             ? Result<>(error(Code::unsupported, "no_blobs",
                                              "there is no place to take it from"))
                             : take_input(name, input);
        io_.poll();
        if (stop_ != Stop::none) return false;
        if (taken) continue;
        if (input.optional && taken.error().code == Code::not_found) {
            note(fmt::format("input {}: there is none; it is optional", name));
            continue;
        }
        const std::string text = fmt::format("input {}: {}", name, taken.error().message);
        note(text);
        failed_ = true;
        // What was not produced will not be there for another attempt either.
        const bool missing = taken.error().code == Code::not_found;
        failure_ = {missing ? model::AttemptResult::failed : model::AttemptResult::errored,
                    std::nullopt, std::nullopt,
                    missing ? model::Cause::config : model::Cause::setup, text};
        return false;
    }
    return true;
}

Result<> Attempt::take_input(const std::string& name, const model::InputSpec& input) {
    SLUICE_TRY(const protocol::InputReply found, ports_.blobs->input(name));
    // A repository may have a link of that name, too; and what the image's entry point has started
    // runs already.
    files::Path to(input.to);
    if (input.to.empty()) {
        SLUICE_TRY(const HeldFolder inputs,
                   HeldFolder::make(folder_.workspace(), ".sluice/inputs"));
        SLUICE_CHECK(files::remove_tree(inputs.path() / name));
        to = files::Path(".sluice/inputs") / name;
    }
    files::Path shown = to;
    std::int64_t count = 0, bytes = 0;
    std::string digests;
    for (const protocol::InputPack& one : found.packs) {
        packs::UnpackOptions options;
        files::Path target = to;
        options.scratch = folder_.path / "pack";
        options.blobs = one.pack.blobs;
        options.fetch = [&](const protocol::Blob& blob, const files::Path& file) {
            return ports_.blobs->fetch_input(name, blob, file);
        };
        options.stopped = [this] {
            io_.poll();
            return stop_ != Stop::none;
        };
        options.replace = !input.to.empty();
        options.read_only = input.to.empty();
        if (!one.folder.empty()) {
            SLUICE_CHECK(protocol::check_pack_path(one.folder));
            target = to / one.folder;
        } else if (one.pack.single && !input.to.empty() && !input.to.ends_with('/')) {
            // A file that is copied gets the name that was asked for.
            target = to.parent_path();
            options.single_name = to.filename().string();
        }
        SLUICE_TRY(const HeldFolder held, HeldFolder::make(folder_.workspace(), target.string()));
        options.to = held.path();
        SLUICE_TRY(const packs::Unpacked done, packs::unpack(one.pack.manifest, options));
        count += done.files;
        bytes += done.bytes;
        digests += (digests.empty() ? "" : " ") + one.folder + (one.folder.empty() ? "" : "=") +
                   "sha256:" + one.pack.manifest.sha256;
        if (one.folder.empty() && one.pack.single)
            shown = target / (options.single_name.empty() ? done.first : options.single_name);
    }
    job_.env["CI_INPUT_" + upper(name)] = seen_by_steps(folder_.workspace() / shown);
    report_.input_digests[name] = digests;
    note(fmt::format("input {}: {} ({})", name, amount_text(count, bytes), found.from));
    return {};
}

}  // namespace sluice::agent
