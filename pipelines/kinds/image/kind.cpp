/// Kind `image`: builds an image with buildah, pushes it, says its digest.
#include "pipelines/kinds/kind.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::image {
namespace {

constexpr std::string_view k_auth = "SLUICE_REGISTRY_AUTH";
constexpr std::string_view k_metrics = ".sluice/reports/image.json";

/// A member of the settings as text; "" = not there.
std::string text(const json::Object& settings, std::string_view key) {
    const auto* value = settings.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

/// A text, or a list of texts.
std::vector<std::string> texts(const json::Object& settings, std::string_view key) {
    const auto* value = settings.if_contains(key);
    std::vector<std::string> out;
    if (value != nullptr && value->is_string()) out.emplace_back(value->as_string());
    if (value != nullptr && value->is_array())
        for (const auto& item : value->as_array())
            if (item.is_string()) out.emplace_back(item.as_string());
    return out;
}

const json::Object* push_of(const model::JobSpec& spec) {
    const auto* push = spec.settings.if_contains("push");
    return push == nullptr ? nullptr : push->if_object();
}

void lower(const config::Node& job, model::JobSpec& spec) {
    spec.outputs["digest"].type = model::OutputType::digest;
    spec.outputs["ref"].type = model::OutputType::digest;
    spec.outputs["size"].type = model::OutputType::number;
    const config::Node* push = job.find("push");
    const config::Node* auth = push == nullptr ? nullptr : push->find("auth");
    if (auth != nullptr && auth->is_scalar())
        spec.secrets[std::string(k_auth)] = {.secret = auth->text, .as_file = true};
}

/// What a registry takes; a tag may come from the event, which outsiders write.
bool is_tag(std::string_view tag) {
    if (tag.empty() || tag.size() > 128 || tag[0] == '.' || tag[0] == '-') return false;
    return std::all_of(tag.begin(), tag.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
    });
}

bool is_loopback(std::string_view repository) {
    const auto host = repository.substr(0, repository.find('/'));
    const auto name = host.substr(0, host.rfind(':'));
    return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

std::string build_script(const model::JobSpec& spec, const std::string& file) {
    std::string options;
    const auto add = [&](std::string_view option, const std::string& value) {
        if (!value.empty()) options += fmt::format(" {} {}", option, shell_word(value));
    };
    add("--target", text(spec.settings, "target"));
    for (const std::string& platform : texts(spec.settings, "platforms"))
        add("--platform", platform);
    if (const auto* args = spec.settings.if_contains("build_args"); args && args->is_object())
        for (const auto& [name, value] : args->as_object())
            if (value.is_string())
                add("--build-arg", std::string(name) + "=" + std::string(value.as_string()));
    const std::string context = text(spec.settings, "context");
    // The sizes of the layers as they lie in the store: what a change added is seen there.
    return fmt::format(
        R"sh(command -v buildah >/dev/null || {{ echo "kind image needs buildah on the agent" >&2; exit 127; }}
mkdir -p .sluice
buildah build --file {file}{options} --iidfile .sluice/image.id {context}
id=$(cat .sluice/image.id)
sizes=$(buildah inspect --type image --format '{{{{.Manifest}}}}' "$id" | grep -o '"size":[0-9]*' | cut -d: -f2)
size=0
layers=-1
for one in $sizes; do
    size=$((size + one))
    layers=$((layers + 1))
done
printf '{{"image.size": %s, "image.layers": %s}}\n' "$size" "$layers" > {metrics}
echo "size=$size" >> "$CI_OUTPUT"
echo "image $id: $size bytes, $layers layers"
)sh",
        fmt::arg("file", shell_word(file)), fmt::arg("options", options),
        fmt::arg("context", shell_word(context.empty() ? "." : context)),
        fmt::arg("metrics", k_metrics));
}

std::string push_script(const std::string& repository, const std::vector<std::string>& tags,
                        bool with_auth) {
    std::string words;
    for (const std::string& tag : tags) words += " " + shell_word(tag);
    const std::string tls = is_loopback(repository) ? " --tls-verify=false" : "";
    std::string out = fmt::format("repository={}\n", shell_word(repository));
    if (with_auth)
        // The file is in memory; so is what a login makes of it.
        out += fmt::format(R"sh(auth=$(mktemp -d "$(dirname "${0}")/login.XXXXXX")
trap 'rm -rf "$auth"' EXIT
if [ "$(head -c1 "${0}")" = "{{" ]; then
    cp "${0}" "$auth/auth.json"
else
    cut -d: -f2- "${0}" | buildah login --authfile "$auth/auth.json"{1} --username "$(cut -d: -f1 "${0}")" --password-stdin "${{repository%%/*}}" >/dev/null
fi
)sh",
                           k_auth, tls);
    out += fmt::format(
        R"sh(id=$(cat .sluice/image.id)
digest=
for tag in{tags}; do
    buildah push --quiet{auth}{tls} --digestfile .sluice/image.digest "$id" "docker://$repository:$tag"
    pushed=$(cat .sluice/image.digest)
    if [ -n "$digest" ] && [ "$digest" != "$pushed" ]; then
        echo "the registry gave two digests: $digest and $pushed" >&2
        exit 1
    fi
    digest=$pushed
    echo "pushed $repository:$tag"
done
echo "digest=$digest" >> "$CI_OUTPUT"
echo "ref=$repository@$digest" >> "$CI_OUTPUT"
echo "$repository@$digest"
)sh",
        fmt::arg("tags", words.empty() ? " \"$(printf %.12s \"$CI_COMMIT_SHA\")\"" : words),
        fmt::arg("auth", with_auth ? " --authfile \"$auth/auth.json\"" : ""), fmt::arg("tls", tls));
    return out;
}

AddedStep step(std::string name, std::string script) {
    AddedStep out;
    out.step.name = std::move(name);
    out.step.run = std::move(script);
    return out;
}

Result<Expansion> expand(const model::JobSpec& spec, const Tree& tree) {
    const auto refuse = [](std::string why) {
        return error(Code::invalid, "image", "image: " + std::move(why));
    };
    const std::string context = text(spec.settings, "context");
    std::string file = text(spec.settings, "file");
    if (file.empty()) {
        const std::string folder = context.empty() || context == "." ? "" : context + "/";
        for (const char* name : {"Containerfile", "Dockerfile"})
            if (file.empty() && tree.read(folder + name)) file = folder + name;
        if (file.empty())
            return refuse(
                fmt::format("there is neither {0}Containerfile nor {0}Dockerfile; name "
                            "the `file`",
                            folder));
    } else if (!tree.read(file)) {
        return refuse(fmt::format("there is no file {}", file));
    }
    if (texts(spec.settings, "platforms").size() > 1)
        return refuse("several platforms in one image come later: one job per platform");
    Expansion out;
    out.steps.push_back(step("build", build_script(spec, file)));
    out.reports.push_back(
        {.format = "metrics", .tool = "buildah", .paths = {std::string(k_metrics)}});
    const json::Object* push = push_of(spec);
    if (push == nullptr) {
        out.notes.emplace_back("image: there is no `push`: the image stays on this agent");
        return out;
    }
    const std::string repository = text(*push, "to");
    const auto tags = texts(*push, "tags");
    for (const std::string& tag : tags)
        if (!is_tag(tag))
            return refuse(
                fmt::format("`{}` is no tag: letters, digits, `_`, `.`, `-`, at most 128", tag));
    out.steps.push_back(
        step("push", push_script(repository, tags, spec.secrets.contains(std::string(k_auth)))));
    return out;
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{.name = "image",
                  .help = "builds an image with buildah, pushes it, says its digest",
                  .lower = lower,
                  .expand = expand};

}  // namespace sluice::kinds::image
