// cachemodel: tests of the terms on which entries are loaded: what they come to, and what is none.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/load_terms.hpp>

#include <cachemodel/cachemodel.hpp>

#include "cache_core.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

using detail::any_given;
using detail::load_rules;
using detail::load_terms;
using detail::LoadRules;
using detail::LoadTerms;
using detail::range_problem;
using detail::terms_problem;
using detail::TermsProblem;

namespace {

constexpr Lifetime none = 0s;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Other ones than the library's own, all of them.
constexpr LoadRules defaults{
    .stale_while_refresh = 31s,
    .stale_if_error = 32s,
    .remember_missing = 33s,
    .early_refresh = 0.34,
    .jitter = 0.35,
    .load_timeout = 36s,
    .lease_wait = 37s,
    .load_backoff = 38s,
    .verify = 0.39,
};

constexpr TermsProblem last_problem = TermsProblem::verify_range;

/// The message of the `ConfigError` that `action` throws.
template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "it was accepted";
}

std::string refusal_of_cache(CacheOptions options) {
    return refusal([&] { Cache{std::make_shared<MemoryBackend>(), std::move(options)}; });
}

std::string refusal_of_url(const std::string& option) {
    return refusal([&] { Cache::open("memory://?" + option); });
}

int twice(int number) { return 2 * number; }

struct House {
    int doors = 1;
    int windows() const { return 3 * doors; }
};

/// Whether ModelOptions of `terms` make a model, with a loader and without.
template <ModelOptions (*options)()>
struct Loaded {
    static constexpr ModelOptions cache_options = options();
    Key<int> id;
    void from_miss();
};
template <ModelOptions (*options)()>
struct LoadedInBatches {
    static constexpr ModelOptions cache_options = options();
    Key<int> id;
    static std::vector<LoadedInBatches> from_miss_many(std::span<const LoadedInBatches>, int&);
};
template <ModelOptions (*options)()>
struct Stored {
    static constexpr ModelOptions cache_options = options();
    Key<int> id;
};

constexpr ModelOptions plain() { return {.expires = 15min}; }
constexpr ModelOptions all() {
    return {.expires = 15min,
            .stale_while_refresh = 30s,
            .stale_if_error = 1h,
            .remember_missing = 15min,
            .early_refresh = 1,
            .jitter = 0.1,
            .load_timeout = 2s,
            .lease_wait = 0s,
            .load_backoff = 0s,
            .verify = 1};
}
constexpr ModelOptions none_of_all() {
    return {.stale_while_refresh = 0s,
            .stale_if_error = 0s,
            .remember_missing = 0s,
            .early_refresh = 0,
            .jitter = 0,
            .load_timeout = never,
            .lease_wait = 0s,
            .load_backoff = 0s,
            .verify = 0};
}
constexpr ModelOptions jitter_of_never() { return {.jitter = 0.1}; }

static_assert(Model<Loaded<&plain>> && Model<LoadedInBatches<&plain>> && Model<Stored<&plain>>);
static_assert(Model<Loaded<&all>> && Model<LoadedInBatches<&all>> && !Model<Stored<&all>>);
static_assert(Model<Loaded<&none_of_all>> && !Model<Stored<&none_of_all>>);
static_assert(!Model<Loaded<&jitter_of_never>> && !Model<LoadedInBatches<&jitter_of_never>>);

}  // namespace

// ---- what they come to

TEST_CASE("what a model does not say is what its cache says", "[load_terms][unit]") {
    const LoadRules rules = load_rules(15min, {}, defaults);
    CHECK(rules.expires == Lifetime{15min});
    CHECK(rules.stale_while_refresh == Lifetime{31s});
    CHECK(rules.stale_if_error == Lifetime{32s});
    CHECK(rules.remember_missing == Lifetime{33s});
    CHECK(rules.early_refresh == 0.34);
    CHECK(rules.jitter == 0.35);
    CHECK(rules.load_timeout == Lifetime{36s});
    CHECK(rules.lease_wait == Lifetime{37s});
    CHECK(rules.load_backoff == Lifetime{38s});
    CHECK(rules.verify == 0.39);
}

TEST_CASE("what a model says holds, also where it says none", "[load_terms][unit]") {
    const LoadRules some = load_rules(15min,
                                      {.stale_while_refresh = 1s,
                                       .stale_if_error = 2s,
                                       .remember_missing = 3s,
                                       .early_refresh = 0.4,
                                       .jitter = 0.5,
                                       .load_timeout = 6s,
                                       .lease_wait = 7s,
                                       .load_backoff = 8s,
                                       .verify = 0.9},
                                      defaults);
    CHECK(some.stale_while_refresh == Lifetime{1s});
    CHECK(some.stale_if_error == Lifetime{2s});
    CHECK(some.remember_missing == Lifetime{3s});
    CHECK(some.early_refresh == 0.4);
    CHECK(some.jitter == 0.5);
    CHECK(some.load_timeout == Lifetime{6s});
    CHECK(some.lease_wait == Lifetime{7s});
    CHECK(some.load_backoff == Lifetime{8s});
    CHECK(some.verify == 0.9);

    const LoadRules switched_off = load_rules(15min,
                                              {.stale_while_refresh = none,
                                               .stale_if_error = none,
                                               .remember_missing = none,
                                               .early_refresh = 0.0,
                                               .jitter = 0.0,
                                               .load_timeout = never,
                                               .lease_wait = none,
                                               .load_backoff = none,
                                               .verify = 0.0},
                                              defaults);
    CHECK(switched_off.stale_while_refresh.is_over());
    CHECK(switched_off.stale_if_error.is_over());
    CHECK(switched_off.remember_missing.is_over());
    CHECK(switched_off.early_refresh == 0);
    CHECK(switched_off.jitter == 0);
    CHECK(switched_off.load_timeout.is_never());
    CHECK(switched_off.lease_wait.is_over());
    CHECK(switched_off.load_backoff.is_over());
    CHECK(switched_off.verify == 0);
}

TEST_CASE("a cache's defaults about the end of entries are not meant for those without one",
          "[load_terms][unit]") {
    const LoadRules rules = load_rules(never, {}, defaults);
    CHECK(rules.expires.is_never());
    CHECK(rules.stale_while_refresh.is_over());
    CHECK(rules.stale_if_error.is_over());
    CHECK(rules.early_refresh == 0);
    CHECK(rules.jitter == 0);
    // These have nothing to do with it.
    CHECK(rules.remember_missing == Lifetime{33s});
    CHECK(rules.load_timeout == Lifetime{36s});
    CHECK(rules.lease_wait == Lifetime{37s});
    CHECK(rules.load_backoff == Lifetime{38s});
    CHECK(rules.verify == 0.39);
}

TEST_CASE("that there is none is remembered no longer than what there is", "[load_terms][unit]") {
    CHECK(load_rules(10s, {}, defaults).remember_missing == Lifetime{10s});
    CHECK(load_rules(33s, {}, defaults).remember_missing == Lifetime{33s});
    LoadRules for_ever;
    for_ever.remember_missing = never;
    CHECK(load_rules(10s, {}, for_ever).remember_missing == Lifetime{10s});
    CHECK(load_rules(never, {}, for_ever).remember_missing.is_never());
}

TEST_CASE("an entry is kept for the longer one of both stale times", "[load_terms][unit]") {
    CHECK(load_rules(1s, {}, defaults).kept_stale() == Lifetime{32s});
    CHECK(load_rules(1s, {.stale_while_refresh = 40s}, defaults).kept_stale() == Lifetime{40s});
    CHECK(load_rules(1s, {.stale_if_error = never}, defaults).kept_stale().is_never());
    CHECK(load_rules(1s, {}, {}).kept_stale().is_over());
}

TEST_CASE("without any option loads are waited for, and other processes for 2 s",
          "[load_terms][unit]") {
    for (const LoadRules& rules : {LoadRules{}, load_rules(15min, load_terms(ModelOptions{}), {}),
                                   load_rules(15min, load_terms(CacheOptions{}), defaults),
                                   Cache::open("memory://").view().load_rules}) {
        CHECK(rules.stale_while_refresh.is_over());
        CHECK(rules.stale_if_error.is_over());
        CHECK(rules.remember_missing.is_over());
        CHECK(rules.early_refresh == 0);
        CHECK(rules.jitter == 0);
        CHECK(rules.load_timeout.is_never());
        CHECK(rules.lease_wait == Lifetime{2s});
        CHECK(rules.load_backoff == Lifetime{1s});
        CHECK(rules.verify == 0);
    }
}

TEST_CASE("the terms are those of the options", "[load_terms][unit]") {
    CHECK_FALSE(any_given(load_terms(ModelOptions{.expires = 1s, .name = "n", .version = 2})));
    CHECK_FALSE(any_given(load_terms(CallOptions<int>{.expires = 1s, .name = "n"})));
    const LoadTerms of_model = load_terms(all());
    CHECK(any_given(of_model));
    CHECK(of_model.stale_while_refresh == Lifetime{30s});
    CHECK(of_model.stale_if_error == Lifetime{1h});
    CHECK(of_model.remember_missing == Lifetime{15min});
    CHECK(of_model.early_refresh == 1);
    CHECK(of_model.jitter == 0.1);
    CHECK(of_model.load_timeout == Lifetime{2s});
    CHECK(of_model.lease_wait == none);
    CHECK(of_model.load_backoff == none);
    CHECK(of_model.verify == 1);
    const LoadTerms of_call = load_terms(CallOptions<int>{.stale_while_refresh = 1s,
                                                          .stale_if_error = 2s,
                                                          .early_refresh = 3,
                                                          .jitter = 0.4,
                                                          .load_timeout = 5s,
                                                          .lease_wait = 6s,
                                                          .load_backoff = 7s,
                                                          .verify = 0.8});
    CHECK(of_call.stale_while_refresh == Lifetime{1s});
    CHECK(of_call.stale_if_error == Lifetime{2s});
    CHECK_FALSE(of_call.remember_missing);
    CHECK(of_call.early_refresh == 3);
    CHECK(of_call.jitter == 0.4);
    CHECK(of_call.load_timeout == Lifetime{5s});
    CHECK(of_call.lease_wait == Lifetime{6s});
    CHECK(of_call.load_backoff == Lifetime{7s});
    CHECK(of_call.verify == 0.8);
    // Each one by itself is about loading.
    CHECK(any_given({.stale_while_refresh = none}));
    CHECK(any_given({.stale_if_error = none}));
    CHECK(any_given({.remember_missing = none}));
    CHECK(any_given({.early_refresh = 0.0}));
    CHECK(any_given({.jitter = 0.0}));
    CHECK(any_given({.load_timeout = never}));
    CHECK(any_given({.lease_wait = none}));
    CHECK(any_given({.load_backoff = none}));
    CHECK(any_given({.verify = 0.0}));
}

// ---- what makes no sense

TEST_CASE("terms that contradict each other or themselves are told apart", "[load_terms][unit]") {
    using enum TermsProblem;
    struct Case {
        LoadTerms terms;
        TermsProblem of_never;
        TermsProblem of_a_minute;
    };
    const Case cases[] = {
        {{}, TermsProblem::none, TermsProblem::none},
        {{.stale_while_refresh = 1s}, stale_while_refresh_of_never, TermsProblem::none},
        {{.stale_while_refresh = never}, stale_while_refresh_of_never, TermsProblem::none},
        {{.stale_while_refresh = 0s}, TermsProblem::none, TermsProblem::none},
        {{.stale_while_refresh = -1ns}, stale_while_refresh_range, stale_while_refresh_range},
        {{.stale_if_error = 1s}, stale_if_error_of_never, TermsProblem::none},
        {{.stale_if_error = 0s}, TermsProblem::none, TermsProblem::none},
        {{.stale_if_error = -5s}, stale_if_error_range, stale_if_error_range},
        {{.early_refresh = 1}, early_refresh_of_never, TermsProblem::none},
        {{.early_refresh = 0}, TermsProblem::none, TermsProblem::none},
        {{.early_refresh = 999.9}, early_refresh_of_never, TermsProblem::none},
        {{.early_refresh = -0.1}, early_refresh_range, early_refresh_range},
        {{.early_refresh = 1000}, early_refresh_of_never, early_refresh_range},
        {{.early_refresh = infinity}, early_refresh_of_never, early_refresh_range},
        {{.early_refresh = not_a_number}, early_refresh_range, early_refresh_range},
        {{.jitter = 0.1}, jitter_of_never, TermsProblem::none},
        {{.jitter = 0.999}, jitter_of_never, TermsProblem::none},
        {{.jitter = 0}, TermsProblem::none, TermsProblem::none},
        {{.jitter = 1}, jitter_of_never, jitter_range},
        {{.jitter = -0.1}, jitter_range, jitter_range},
        {{.jitter = not_a_number}, jitter_range, jitter_range},
        {{.remember_missing = 60s}, TermsProblem::none, TermsProblem::none},
        {{.remember_missing = 61s}, TermsProblem::none, missing_outlives_entries},
        {{.remember_missing = never}, TermsProblem::none, missing_outlives_entries},
        {{.remember_missing = 0s}, TermsProblem::none, TermsProblem::none},
        {{.remember_missing = -5s}, remember_missing_range, remember_missing_range},
        {{.load_timeout = 1ns}, TermsProblem::none, TermsProblem::none},
        {{.load_timeout = never}, TermsProblem::none, TermsProblem::none},
        {{.load_timeout = 0s}, load_timeout_range, load_timeout_range},
        {{.load_timeout = -1s}, load_timeout_range, load_timeout_range},
        {{.lease_wait = 0s}, TermsProblem::none, TermsProblem::none},
        {{.lease_wait = -1ns}, lease_wait_range, lease_wait_range},
        {{.lease_wait = 24h}, TermsProblem::none, TermsProblem::none},
        {{.lease_wait = 24h + 1s}, lease_wait_range, lease_wait_range},
        {{.lease_wait = never}, lease_wait_range, lease_wait_range},
        {{.load_backoff = 0s}, TermsProblem::none, TermsProblem::none},
        {{.load_backoff = -1s}, load_backoff_range, load_backoff_range},
        {{.load_backoff = 24h}, TermsProblem::none, TermsProblem::none},
        {{.load_backoff = never}, load_backoff_range, load_backoff_range},
        {{.verify = 0}, TermsProblem::none, TermsProblem::none},
        {{.verify = 1}, TermsProblem::none, TermsProblem::none},
        {{.verify = 1.001}, verify_range, verify_range},
        {{.verify = -0.1}, verify_range, verify_range},
        {{.verify = not_a_number}, verify_range, verify_range},
    };
    for (const Case& each : cases) {
        CAPTURE(&each - cases);
        CHECK(terms_problem(each.terms, never) == each.of_never);
        CHECK(terms_problem(each.terms, 60s) == each.of_a_minute);
    }
    for (const LoadTerms& terms : {LoadTerms{.stale_while_refresh = 1s},
                                   {.stale_if_error = 1s},
                                   {.early_refresh = 1},
                                   {.jitter = 0.1}}) {
        CHECK(terms_problem(terms, 0s) == nothing_expires);
    }
    CHECK(terms_problem({.remember_missing = 1s}, 0s) == missing_outlives_entries);
    CHECK(terms_problem({.lease_wait = 1s}, 0s) == TermsProblem::none);
    CHECK(terms_problem({.remember_missing = 0s}, -1s) == TermsProblem::none);
    CHECK(terms_problem(load_terms(none_of_all()), 0s) == TermsProblem::none);
    CHECK(terms_problem(load_terms(all()), 15min) == TermsProblem::none);
    CHECK(terms_problem(load_terms(none_of_all()), never) == TermsProblem::none);
    // Of a cache, whose entries end as their models say.
    CHECK(range_problem(load_terms(all())) == TermsProblem::none);
    CHECK(range_problem({.remember_missing = never}) == TermsProblem::none);
    CHECK(range_problem({.jitter = 1}) == jitter_range);
}

TEST_CASE("every problem names its option and says what is wrong", "[load_terms][unit]") {
    std::set<std::string> told;
    const auto count = static_cast<std::size_t>(last_problem);
    for (std::size_t i = 1; i <= count; ++i) {
        const auto problem = static_cast<TermsProblem>(i);
        CAPTURE(i);
        CHECK_FALSE(option_of(problem).empty());
        CHECK(to_string(problem).starts_with(' '));
        told.insert(std::string{option_of(problem)}.append(to_string(problem)));
    }
    CHECK(told.size() == count);
    CHECK(option_of(TermsProblem::none).empty());
    CHECK(to_string(TermsProblem::none).empty());
    CHECK(to_string(static_cast<TermsProblem>(count + 1)).empty());
}

// ---- where they are configured

TEST_CASE("a cached call names its function and the option that makes no sense",
          "[load_terms][unit]") {
    const Cache cache = Cache::open("memory://");
    CHECK(refusal([] { CachedFunction<&twice>{{.expires = 1s, .jitter = 1}}; }) ==
          "the options of (anonymous namespace)::twice(int): jitter is not a number from 0 to less "
          "than 1");
    CHECK(refusal([&] {
              CachedFunction<&twice>{cache, {.stale_if_error = 1h, .name = "double"}};
          }) ==
          "the options of double: stale_if_error is about the end of entries, and these have none: "
          "give expires, too");
    CHECK(refusal([&] {
              CachedMethod<&House::windows, &House::doors>{cache, {.load_timeout = 0s}};
          })
              .ends_with("House::windows(): load_timeout leaves a load no time; without a limit it "
                         "is never"));
    // A lambda has no name for keys, and is told of all the same.
    CHECK(refusal([&] {
              CachedFunction<[](int i) { return i; }>{cache, {.lease_wait = never}};
          }).ends_with(": lease_wait is not a time from 0 to a day"));
    CHECK(refusal([&] {
              CachedFunction<&twice>{cache, {.expires = 1s, .stale_if_error = -5s, .name = "d"}};
          }) == "the options of d: stale_if_error is negative");
    CHECK_NOTHROW(CachedFunction<&twice>{cache,
                                         {.expires = 15min,
                                          .stale_while_refresh = 30s,
                                          .stale_if_error = 1h,
                                          .early_refresh = 1,
                                          .jitter = 0.1,
                                          .load_timeout = 2s,
                                          .lease_wait = 0s,
                                          .load_backoff = 0s,
                                          .verify = 1}});
}

TEST_CASE("a cache names the option that makes no sense", "[load_terms][cache][unit]") {
    CHECK(refusal_of_cache({.early_refresh = -1}) ==
          "early_refresh is not a number from 0 to less than 1000");
    CHECK(refusal_of_cache({.early_refresh = not_a_number}) ==
          "early_refresh is not a number from 0 to less than 1000");
    CHECK(refusal_of_cache({.jitter = 1}) == "jitter is not a number from 0 to less than 1");
    CHECK(refusal_of_cache({.load_timeout = 0s}) ==
          "load_timeout leaves a load no time; without a limit it is never");
    CHECK(refusal_of_cache({.lease_wait = never}) == "lease_wait is not a time from 0 to a day");
    CHECK(refusal_of_cache({.load_backoff = 25h}) == "load_backoff is not a time from 0 to a day");
    CHECK(refusal_of_cache({.stale_while_refresh = -1s}) == "stale_while_refresh is negative");
    CHECK(refusal_of_cache({.stale_if_error = -1s}) == "stale_if_error is negative");
    CHECK(refusal_of_cache({.remember_missing = -1s}) == "remember_missing is negative");
    CHECK(refusal_of_cache({.load_timeout = -1s}).starts_with("load_timeout leaves a load no"));
    CHECK(refusal_of_cache({.lease_wait = -1s}) == "lease_wait is not a time from 0 to a day");
    CHECK(refusal_of_cache({.load_backoff = -1s}) == "load_backoff is not a time from 0 to a day");
    CHECK(refusal_of_cache({.verify = 1.5}) == "verify is not a number from 0 to 1");
    CHECK(refusal_of_cache({.loads_without_cache = 0}) ==
          "loads_without_cache is 0, which would let nothing load without the cache");
    // Models and functions that expire make sense of these.
    CHECK(refusal_of_cache({.stale_while_refresh = never,
                            .stale_if_error = never,
                            .remember_missing = never,
                            .early_refresh = 1,
                            .jitter = 0.5}) == "it was accepted");
}

TEST_CASE("the options of loads are options of a cache's URL", "[load_terms][cache][unit]") {
    const Cache cache = Cache::open(
        "memory://?stale_while_refresh=30s&stale_if_error=1h&remember_missing=1.5&early_refresh=1"
        "&jitter=0.1&load_timeout=2s&lease_wait=0&load_backoff=500ms&verify=0.01&loads_without_"
        "cache=8");
    const LoadRules& rules = cache.view().load_rules;
    CHECK(rules.stale_while_refresh == Lifetime{30s});
    CHECK(rules.stale_if_error == Lifetime{1h});
    CHECK(rules.remember_missing == Lifetime{1500ms});
    CHECK(rules.early_refresh == 1);
    CHECK(rules.jitter == 0.1);
    CHECK(rules.load_timeout == Lifetime{2s});
    CHECK(rules.lease_wait == none);
    CHECK(rules.load_backoff == Lifetime{500ms});
    CHECK(rules.verify == 0.01);
    CHECK(cache.core().load_settings.loads_without_cache == 8);
    CHECK(Cache::open("memory://").core().load_settings.loads_without_cache == 64);
    CHECK(
        Cache::open("memory://?stale_if_error=never").view().load_rules.stale_if_error.is_never());
    // A view has those of its cache.
    CHECK(cache.with_prefix("p").with_timeout(1s).view().load_rules.jitter == 0.1);
}

TEST_CASE("an option of loads that makes no sense in a URL is an error that names it",
          "[load_terms][cache][unit]") {
    constexpr auto lifetime =
        ": expected is a number of seconds such as 60 or 1.5 or a duration such as 15min, from ";
    for (const std::string option : {"stale_while_refresh", "stale_if_error", "remember_missing"}) {
        for (const std::string value : {"-1", "soon", "", "1e3", "nan", "inf", "1y"}) {
            CHECK(refusal_of_url(option + '=' + value) ==
                  "cache URL (memory): option " + option + '=' + value + lifetime + "0s to never");
        }
    }
    CHECK(refusal_of_url("load_timeout=0").ends_with(lifetime + std::string{"1ns to never"}));
    CHECK(refusal_of_url("lease_wait=never").ends_with(lifetime + std::string{"0s to 1d"}));
    CHECK(refusal_of_url("lease_wait=86400.5").ends_with(lifetime + std::string{"0s to 1d"}));
    CHECK(refusal_of_url("load_backoff=25h").ends_with(lifetime + std::string{"0s to 1d"}));
    CHECK(refusal_of_url("lease_wait=1d") == "it was accepted");
    for (const std::string value : {"-0.1", "1000", "nan", "1e1", "1,5", "", "x"}) {
        CHECK(refusal_of_url("early_refresh=" + value) ==
              "cache URL (memory): option early_refresh=" + value +
                  ": expected is a number such as 2 or 0.1, from 0 to less than 1000");
    }
    CHECK(refusal_of_url("jitter=1") ==
          "cache URL (memory): option jitter=1: expected is a number such as 2 or 0.1, from 0 to "
          "less than 1");
    CHECK(Cache::open("memory://?verify=1").view().load_rules.verify == 1);
    for (const std::string value : {"1.001", "-0.1", "1e-3", "nan", ""}) {
        CHECK(
            refusal_of_url("verify=" + value)
                .ends_with("verify=" + value + ": expected is a number such as 0.01, from 0 to 1"));
    }
    CHECK(refusal_of_url("loads_without_cache=0") ==
          "cache URL (memory): option loads_without_cache=0: expected is a whole number from 1 to "
          "4294967295");
    CHECK(refusal_of_url("stale_while_refreshs=30s")
              .find("stale_while_refreshs may be meant as stale_while_refresh") !=
          std::string::npos);
}

TEST_CASE("a lenient URL leaves out an option of loads that makes no sense",
          "[load_terms][cache][unit]") {
    const Cache cache = Cache::open(
        "memory://?lenient=true&jitter=1&lease_wait=never&load_timeout=0&loads_without_cache=0"
        "&early_refresh=2");
    CHECK(cache.warnings().size() == 4);
    CHECK(cache.view().load_rules.jitter == 0);
    CHECK(cache.view().load_rules.lease_wait == Lifetime{2s});
    CHECK(cache.view().load_rules.load_timeout.is_never());
    CHECK(cache.view().load_rules.early_refresh == 2);
    CHECK(cache.core().load_settings.loads_without_cache == 64);
}

TEST_CASE("what loads are given beside their terms is for the engine to find",
          "[load_terms][cache][unit]") {
    const Cache plain = Cache::open("memory://");
    CHECK(plain.view().executor == nullptr);
    CHECK_FALSE(plain.core().load_settings.seed);
    const Cache seeded{std::make_shared<MemoryBackend>(), {.seed = 7}};
    CHECK(seeded.core().load_settings.seed == 7U);
    CHECK(seeded.bypass().core().load_settings.seed == 7U);
}
