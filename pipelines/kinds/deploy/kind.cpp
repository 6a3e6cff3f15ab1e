/// Kind `deploy`: applies manifests to Kubernetes with images by digest, watches the rollout, goes
/// back when it fails, and looks whether that worked.
#include "pipelines/kinds/kind.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::deploy {
namespace {

constexpr std::string_view k_folder = ".sluice/deploy";

std::string text(const json::Object& settings, std::string_view key) {
    const auto* value = settings.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

const json::Object* kubernetes_of(const model::JobSpec& spec) {
    const auto* value = spec.settings.if_contains("kubernetes");
    return value == nullptr ? nullptr : value->if_object();
}

void check(const config::Node& job, const std::string& id, const config::Place& place,
           config::Diagnostics& diagnostics) {
    const config::Member* ssh = job.member("ssh");
    const bool to_kubernetes = job.find("kubernetes") != nullptr;
    if (ssh != nullptr && to_kubernetes)
        diagnostics.error(ssh->place, "too_many_commands",
                          fmt::format("`{}` deploys to `kubernetes` and by `ssh`", id),
                          "make two jobs of it");
    const bool has_commands =
        job.find("run") != nullptr || job.find("steps") != nullptr || job.find("uses") != nullptr;
    if (!to_kubernetes && ssh == nullptr && !has_commands)
        diagnostics.error(place, "nothing_to_run",
                          fmt::format("job `{}` does not say how it deploys", id),
                          "give it `kubernetes: { manifests: deploy/ }`, `ssh` or `run`");
}

void lower(const config::Node& job, model::JobSpec& spec) {
    spec.outputs["revision"].type = model::OutputType::string;
    spec.outputs["url"].type = model::OutputType::string;
    const config::Node* kubernetes = job.find("kubernetes");
    const config::Node* auth = kubernetes == nullptr ? nullptr : kubernetes->find("auth");
    if (auth != nullptr && auth->is_scalar())
        spec.secrets["KUBECONFIG"] = {.secret = auth->text, .as_file = true};
}

/// A text in YAML, whatever is in it.
std::string quoted(std::string_view value) {
    return json::serialize(json::Value(boost::json::string_view(value.data(), value.size())));
}

/// `registry:5000/app:v1` → its name and `:v1` or `@sha256:…`.
std::pair<std::string, std::string> split_reference(const std::string& reference) {
    auto cut = reference.find('@');
    if (cut == std::string::npos) {
        cut = reference.rfind(':');
        if (cut != std::string::npos && reference.find('/', cut) != std::string::npos)
            cut = std::string::npos;
    }
    if (cut == std::string::npos) return {reference, ""};
    return {reference.substr(0, cut), reference.substr(cut)};
}

/// An entry of kustomize's `images`, and what the manifests must hold afterwards.
struct Image {
    std::string entry, wanted;
};

Image image_of(const std::string& name, const std::string& value) {
    const bool digest_alone = value.starts_with("sha256:") || value.starts_with("sha512:");
    const auto [replaced, version] = digest_alone
                                         ? std::pair<std::string, std::string>(name, "@" + value)
                                         : split_reference(value);
    std::string entry = fmt::format("- name: {}\n  newName: {}\n", quoted(name), quoted(replaced));
    if (version.starts_with('@'))
        entry += fmt::format("  digest: {}\n", quoted(version.substr(1)));
    else if (version.starts_with(':'))
        entry += fmt::format("  newTag: {}\n", quoted(version.substr(1)));
    return {std::move(entry), replaced + version};
}

std::string render_script(const std::vector<std::string>& files, const std::string& base,
                          const std::vector<Image>& images) {
    std::string kustomization = "resources:\n", copies;
    // Below the kustomization: it reads no file beside it.
    for (std::size_t i = 0; i < files.size(); ++i) {
        copies += fmt::format("cp {} {}/{}.yaml\n", shell_word("./" + files[i]), k_folder, i);
        kustomization += fmt::format("- {}.yaml\n", i);
    }
    if (!base.empty()) kustomization += "- " + quoted("../../" + base) + "\n";
    if (!images.empty()) kustomization += "images:\n";
    for (const Image& image : images) kustomization += image.entry;
    std::string out = fmt::format(
        R"sh(command -v kubectl >/dev/null || {{ echo "kind deploy needs kubectl on the agent" >&2; exit 127; }}
rm -rf {0}
mkdir -p {0}
{1}cat > {0}/kustomization.yaml <<'//end/of/kustomization//'
{2}//end/of/kustomization//
kubectl kustomize {0} > .sluice/rendered.yaml
)sh",
        k_folder, copies, kustomization);
    for (const Image& image : images)
        out += fmt::format(
            "grep -qF -- {0} .sluice/rendered.yaml || {{ echo \"no manifest has the image for\" "
            "{0} "
            ">&2; exit 1; }}\n",
            shell_word(image.wanted));
    return out + "grep -E '^ *-? *image:' .sluice/rendered.yaml || true\n";
}

std::string rollout_script(const std::string& name_space, std::int64_t wait_seconds, bool rollback,
                           const std::string& url) {
    const std::string target = name_space.empty() ? "" : " --namespace " + shell_word(name_space);
    return fmt::format(R"sh(new=.sluice/rendered.yaml
old=.sluice/before.yaml
k() {{ kubectl{target} "$@"; }}
names() {{ k get -f "$new" --ignore-not-found -o name; }}
workloads() {{ grep -E '^(deployment|statefulset|daemonset)[./]' || true; }}
# What the objects were: as they were applied last, so that going back is an apply, too.
: > "$old"
names > .sluice/before.names
while read -r object; do
    if k apply view-last-applied "$object" -o yaml > .sluice/one.yaml 2>/dev/null; then
        {{ echo '---'; cat .sluice/one.yaml; }} >> "$old"
    else
        echo "note: $object was not made by apply; it can't be rolled back"
    fi
done < .sluice/before.names
watch() {{
    for workload in $1; do
        k rollout status "$workload" --timeout={wait}s || return 1
    done
}}
images() {{ k get $1 -o jsonpath='{{.spec.template.spec.containers[*].image}}'; }}
before=$(workloads < .sluice/before.names)
was=
for workload in $before; do was="$was $workload=$(images "$workload")"; done
applied=yes
k apply -f "$new" || applied=
if [ -n "$applied" ] && watch "$(names | workloads)"; then
    revision=
    for workload in $(names | workloads); do
        number=$(k get "$workload" -o jsonpath='{{.metadata.annotations.deployment\.kubernetes\.io/revision}}')
        revision="$revision${{revision:+ }}${{workload#*/}}=${{number:-$(k get "$workload" -o jsonpath='{{.metadata.generation}}')}}"
    done
    echo "revision=$revision" >> "$CI_OUTPUT"
    {say_url}echo "rolled out: $revision"
    exit 0
fi
echo "the rollout failed" >&2
for workload in $(names | workloads); do
    k get pods -o wide 2>/dev/null | head -20
    k get events --sort-by=.lastTimestamp 2>/dev/null | tail -10
    break
done
[ {rollback} = yes ] || exit 1
echo "rolling back"
back=yes
if [ -s "$old" ]; then k apply -f "$old" || back=; fi
for object in $(names); do
    grep -qxF "$object" .sluice/before.names || k delete "$object" --wait=true --timeout={wait}s || back=
done
watch "$before" || back=
now=
for workload in $before; do now="$now $workload=$(images "$workload")"; done
[ "$was" = "$now" ] || {{ echo "images after going back:$now; before:$was" >&2; back=; }}
if [ -n "$back" ]; then
    echo "rolled back and verified:${{now:- nothing was there before}}"
else
    echo "NOT rolled back: look at the cluster" >&2
fi
exit 1
)sh",
                       fmt::arg("target", target), fmt::arg("wait", wait_seconds),
                       fmt::arg("rollback", rollback ? "yes" : "no"),
                       fmt::arg("say_url", url.empty() ? ""
                                                       : "echo " + shell_word("url=" + url) +
                                                             " >> \"$CI_OUTPUT\"\n    "));
}

AddedStep step(std::string name, std::string script) {
    AddedStep out;
    out.step.name = std::move(name);
    out.step.run = std::move(script);
    return out;
}

Result<Expansion> expand(const model::JobSpec& spec, const Tree& tree) {
    const auto refuse = [](std::string why) {
        return error(Code::invalid, "deploy", "deploy: " + std::move(why));
    };
    const json::Object* kubernetes = kubernetes_of(spec);
    if (kubernetes == nullptr) {
        if (spec.settings.contains("ssh"))
            return refuse("`ssh` comes later: this version carries out `kubernetes` and `run`");
        if (spec.steps.empty()) return refuse("there is neither `kubernetes` nor `run`");
        return Expansion{};
    }
    if (kubernetes->contains("helm"))
        return refuse("`helm` comes later: render the chart in `run`, and name the manifests");
    const std::string manifests = text(*kubernetes, "manifests");
    std::string base = text(*kubernetes, "kustomize");
    while (base.ends_with('/')) base.pop_back();
    std::vector<std::string> files;
    if (!manifests.empty()) {
        std::string folder = manifests;
        while (folder.ends_with('/')) folder.pop_back();
        if (tree.has(folder))
            files = {folder};
        else
            files =
                tree.matching({folder + "/**/*.yaml", folder + "/**/*.yml", folder + "/**/*.json"});
        if (files.empty() && tree.read(folder)) files = {folder};  // a step has written it
        if (files.empty())
            return refuse(
                fmt::format("there are no manifests (*.yaml, *.yml, *.json) in {}", manifests));
    }
    if (files.empty() && base.empty())
        return refuse("`kubernetes` names neither `manifests` nor `kustomize`");
    std::vector<Image> images;
    if (const auto* wanted = kubernetes->if_contains("images"); wanted && wanted->is_object())
        for (const auto& [name, value] : wanted->as_object())
            if (value.is_string())
                images.push_back(image_of(std::string(name), std::string(value.as_string())));
    std::int64_t wait = 300'000;
    if (const auto* given = kubernetes->if_contains("wait"); given && given->is_int64())
        wait = given->as_int64();
    bool rollback = true;
    if (const auto* given = kubernetes->if_contains("rollback"); given && given->is_bool())
        rollback = given->as_bool();
    Expansion out;
    out.steps.push_back(step("render", render_script(files, base, images)));
    out.steps.push_back(
        step("roll out",
             rollout_script(text(*kubernetes, "namespace"), std::max<std::int64_t>(1, wait / 1000),
                            rollback, spec.environment ? spec.environment->url : "")));
    return out;
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{
    .name = "deploy",
    .help = "applies manifests to Kubernetes, watches the rollout, goes back when it fails",
    .check = check,
    .lower = lower,
    .expand = expand};

}  // namespace sluice::kinds::deploy
