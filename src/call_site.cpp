// cachemodel: a cached function: its settings, its names, what it has counted.
// SPDX-License-Identifier: MIT
#include "call_site.hpp"
#include "cache_core.hpp"

#include <cachemodel/caches.hpp>

#include <utility>

#include "claimed_names.hpp"
#include "type_names.hpp"

namespace cachemodel::detail {

namespace {

/// Of a function that may have none for keys.
std::string shown_name(const CallSettings& settings) {
    if (!settings.name.empty()) return settings.name;
    const CallTraits& traits = settings.traits();
    std::string name = name_of_function(traits.tag, traits.parameters);
    return name.empty() ? shown_name_of_function(traits.tag) : name;
}

}  // namespace

CallSite::CallSite(CallSettings settings_) : settings(std::move(settings_)) {}

CallSite::~CallSite() {
    const Named* next = first_.load();
    while (next != nullptr) delete std::exchange(next, next->next);
}

const CallNames& CallSite::names(const std::type_info* dynamic, const std::type_info* call) {
    if (const Named* const named = find(dynamic)) return named->names;
    auto names = make_names(dynamic, call);
    const std::lock_guard lock{adding_};
    if (const Named* const named = find(dynamic)) return named->names;
    const auto* const named = new Named{dynamic, std::move(names), first_.load()};
    first_.store(named);
    return named->names;
}

const CallSite::Named* CallSite::find(const std::type_info* dynamic) const noexcept {
    // By address: types of one name, each in an unnamed namespace, compare equal with clang.
    for (const Named* each = first_.load(); each != nullptr; each = each->next) {
        if (each->type == dynamic) return each;
    }
    return nullptr;
}

CallNames CallSite::make_names(const std::type_info* dynamic, const std::type_info* call) const {
    const CallTraits& traits = settings.traits();
    CallNames names;
    if (settings.name.empty()) {
        names.name = name_of_function(traits.tag, traits.parameters);
        if (call != nullptr) names.own_addresses[0] = own_address(*call);
    } else {
        names.name = settings.name;
    }
    if (names.name.empty()) {
        throw ConfigError(
            "this function has no name that is the same in every build, as no lambda has; give it "
            "one, {.name = \"…\"}: " +
            shown_name_of_function(traits.tag));
    }
    append_head(names.head, names.name, settings.version);
    if (dynamic != nullptr) {
        const std::string type = name_of_type(*dynamic);
        if (type.empty()) {
            throw ConfigError("the class " + shown_name_of_type(*dynamic) + ", for an object of " +
                              "which " + names.name +
                              " was called, has no name that is the same in every build; declare "
                              "it outside of functions and lambdas");
        }
        names.own_addresses[1] = own_address(*dynamic);
        names.head += '<';
        append_escaped(names.head, type);
        names.head += '>';
    }
    for (const std::type_info* const tag : traits.members) {
        auto& member = names.members.emplace_back(names.members.empty() ? "" : ",");
        append_escaped(member, name_of_member(*tag, *traits.owner));
        member += '=';
    }
    return names;
}

std::shared_ptr<CallSite> make_call_site(CallSettings settings) {
    if (const auto problem = terms_problem(settings.terms, settings.expires);
        problem != TermsProblem::none) {
        throw ConfigError("the options of " + shown_name(settings) + ": " +
                          std::string{option_of(problem)}.append(to_string(problem)));
    }
    return std::make_shared<CallSite>(std::move(settings));
}

const CallNames& names_of(CallSite& site, const std::type_info* dynamic,
                          const std::type_info* call) {
    return site.names(dynamic, call);
}

Cache cache_of(const CallSite& site) {
    return site.settings.cache ? *site.settings.cache : caches()[site.settings.cache_name];
}

Statistics statistics_of(const CallSite& site) noexcept { return site.counters.read(); }

EntryKey finish_key(const CallSite& site, const CallNames& names, std::string text) {
    if (names.own_addresses != std::array<const char*, 2>{}) {
        const Cache cache = cache_of(site);
        if (!cache.core().names.claim(cache.final_key(names.head), names.own_addresses)) {
            throw ConfigError(
                "two functions or classes, each in an unnamed namespace or static, "
                "have one name in one cache; give them names of their own: " +
                names.head);
        }
    }
    return make_entry_key(std::move(text), names.head.size(), site.settings.secret_keys);
}

void throw_invalid_form(const std::type_info& form) {
    throw InvalidForm("the form " + shown_name_of_type(form) + " is not valid");
}

std::string CallKey::part_name() const {
    if (in_arguments_) return "argument " + std::to_string(part_ + 1);
    if (part_ >= names_.members.size()) return "cleaned_data()";
    const std::string& shown = names_.members[part_];  // with what stands between members
    const std::size_t start = shown.starts_with(',') ? 1 : 0;
    return shown.substr(start, shown.size() - start - 1);
}

void CallKey::rethrow_with_part(const InvalidKey& error) const {
    throw InvalidKey(names_.name + ": " + part_name() + ": " + error.what());
}

}  // namespace cachemodel::detail
