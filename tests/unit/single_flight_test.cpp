// cachemodel: equal loads of models at once, from many threads.
// SPDX-License-Identifier: MIT
#include <cachemodel/binary.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/reference.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"

#include <cereal/types/memory.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "cache_core.hpp"
#include "flights.hpp"

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;

namespace single_flight_test {

/// Where models come from: answers with the length of the name, and counts what it is asked.
class Source {
 public:
    std::function<int(const std::string& name)> answer = [](const std::string& name) {
        return static_cast<int>(name.size());
    };

    int ask(const std::string& name) {
        {
            const std::lock_guard lock{mutex_};
            ++asked_[name];
        }
        return answer(name);
    }
    int asked(const std::string& name) const {
        const std::lock_guard lock{mutex_};
        const auto found = asked_.find(name);
        return found == asked_.end() ? 0 : found->second;
    }
    /// How often that was asked for which it was asked most.
    int most_asked() const {
        const std::lock_guard lock{mutex_};
        int most = 0;
        for (const auto& [name, times] : asked_) most = std::max(most, times);
        return most;
    }
    std::size_t size() const {
        const std::lock_guard lock{mutex_};
        return asked_.size();
    }

 private:
    mutable std::mutex mutex_;
    std::map<std::string, int> asked_;
};

struct Word {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<std::string> text;
    Field<int> length;

    void from_miss(Source& source) { length = source.ask(*text); }
};
using Words = Models<Word, Source&>;

struct ManyWords {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<std::string> text;
    Field<int> length;

    static std::vector<ManyWords> from_miss_many(std::span<const ManyWords> wanted,
                                                 Source& source) {
        std::vector<ManyWords> found;
        for (const auto& each : wanted) {
            found.push_back({.text = each.text, .length = source.ask(*each.text)});
        }
        return found;
    }
};

/// What a model that cannot be copied holds.
struct Secret {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<std::string> text;
    Binary<std::unique_ptr<int>> length;

    void from_miss(Source& source) { length = std::make_unique<int>(source.ask(*text)); }
};

/// Whose loader assigns a model of its own making, which is stored nowhere.
struct Sentence {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<std::string> text;
    Reference<Word> first;

    void from_miss(Source& source) {
        const int length = source.ask(*text);
        first = Word{.text = "made by hand", .length = length};
    }
};

/// Its time stands still: no load takes too long to be joined, however slow the machine is.
struct Rig {
    testing::TurnableClock clock;
    Cache cache = Cache::open("memory://", clock);
    Source source;

    void await_misses(std::uint64_t count) const {
        await("enough callers have found nothing",
              [&] { return cache.statistics().misses() >= count; });
    }
    /// Answers when so many callers have found nothing.
    void answer_after(std::uint64_t misses) {
        source.answer = [this, misses](const std::string& name) {
            await_misses(misses);
            return static_cast<int>(name.size());
        };
    }
};

/// Waits until so many callers wait for the load that is under way. Each holds it twice then; so
/// do, once each, the table of all loads, its leader and this.
void await_passengers(const Rig& rig, const std::string& key, long count) {
    auto boarding =
        rig.cache.core().model_flights.board(rig.cache.final_key(key), typeid(void), {.now = {}});
    support::require_in_time(!boarding.leads, "a load is under way");
    await("enough callers wait", [&] { return boarding.flight.use_count() >= 2 * count + 3; });
}

/// The texts of one to `last` letters, but from `first` on.
std::vector<std::string> texts(std::size_t first, std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(first + i, 'x');
    return all;
}

Source* source_of_calls = nullptr;
int length_of(const std::string& text) { return source_of_calls->ask(text); }

}  // namespace single_flight_test

using namespace single_flight_test;

TEST_CASE("1,000 threads that want one model load it once", "[flights][models][threads]") {
    Rig rig;
    rig.answer_after(1000);
    const Words words{rig.cache, rig.source};
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < 1000; ++i) {
        crew.start([&] {
            const Word word = words.get("tea");
            right += word.text == "tea" && word.length == 3 ? 1 : 0;
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 1000);
    CHECK(rig.source.asked("tea") == 1);
    const Statistics statistics = rig.cache.statistics();
    CHECK(statistics.loads == 1);
    CHECK(statistics.stores == 1);
    // Who came just after the model was stored has read it.
    CHECK(statistics.joined + statistics.hits == 999);
}

TEST_CASE("1,000 threads that call one function with equal arguments run it once",
          "[flights][cached_function][threads]") {
    Rig rig;
    rig.answer_after(1000);
    source_of_calls = &rig.source;
    const CachedFunction<&length_of> length{rig.cache};
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < 1000; ++i) crew.start([&] { right += length("tea") == 3 ? 1 : 0; });
    CHECK(crew.join() == 0);
    CHECK(right == 1000);
    CHECK(rig.source.asked("tea") == 1);
}

TEMPLATE_TEST_CASE("threads that want many models, of which others want some, load each once",
                   "[flights][models][batch][threads]", Word, ManyWords) {
    Rig rig;
    const Models<TestType, Source&> words{rig.cache, rig.source};
    Barrier begin;
    std::atomic<int> right{0};
    Crew crew;
    for (std::size_t i = 0; i < 40; ++i) {
        crew.start([&, i] {
            auto wanted = texts(1 + i, 20);
            if (i % 2 == 0) std::ranges::reverse(wanted);
            begin.meet(40);
            const auto answers = words.get_many(wanted);
            for (std::size_t k = 0; k < wanted.size(); ++k) {
                const auto length = static_cast<int>(wanted[k].size());
                right += answers[k].found() && answers[k]->text == wanted[k] &&
                                 answers[k]->length == length
                             ? 1
                             : 0;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 40 * 20);
    CHECK(rig.source.size() == 59);
    CHECK(rig.source.most_asked() == 1);
}

TEST_CASE("what a loader throws reaches all that wait for it, and nobody later",
          "[flights][models][failure][threads]") {
    Rig rig;
    const Words words{rig.cache, rig.source};
    rig.source.answer = [&](const std::string&) -> int {
        await_passengers(rig, words.key_for("tea"), 49);
        throw std::runtime_error("no words");
    };
    std::atomic<int> told{0};
    Crew crew;
    for (int i = 0; i < 50; ++i) {
        crew.start([&, i] {
            try {
                if (i % 2 == 0) {
                    (void)words.get("tea");
                } else {
                    words.get_many({"tea"}).front().failure().rethrow();
                }
            } catch (const std::runtime_error& error) {
                told += error.what() == std::string{"no words"} ? 1 : 0;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(told == 50);
    CHECK(rig.source.asked("tea") == 1);

    rig.source.answer = [](const std::string&) { return 7; };
    CHECK(words.get("tea").length == 7);
    CHECK(rig.source.asked("tea") == 2);
}

TEST_CASE("a batch that fails, fails for all that wait for a part of it",
          "[flights][models][batch][failure][threads]") {
    Rig rig;
    const Models<ManyWords, Source&> words{rig.cache, rig.source};
    rig.source.answer = [&](const std::string&) -> int {
        await_passengers(rig, words.key_for("coffee"), 10);
        throw std::runtime_error("no words");
    };
    std::atomic<int> told{0};
    Crew crew;
    crew.start([&] {
        for (const auto& each : words.get_many({"tea", "coffee"})) told += each.failed() ? 1 : 0;
    });
    await("the batch has begun", [&] { return rig.source.asked("tea") == 1; });
    for (int i = 0; i < 10; ++i) {
        crew.start([&] {
            try {
                (void)words.get("coffee");
            } catch (const std::runtime_error&) {
                ++told;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(told == 12);
    CHECK(rig.source.asked("tea") == 1);
    CHECK(rig.source.asked("coffee") == 0);
}

TEST_CASE("what the source has none of reaches all that wait for it",
          "[flights][models][missing][threads]") {
    Rig rig;
    const Words words{rig.cache, rig.source};
    rig.source.answer = [&](const std::string&) -> int {
        await_passengers(rig, words.key_for("tea"), 19);
        throw Missing{};
    };
    std::atomic<int> absent{0};
    Crew crew;
    for (int i = 0; i < 20; ++i) {
        crew.start([&] { absent += words.find("tea").absent() ? 1 : 0; });
    }
    CHECK(crew.join() == 0);
    CHECK(absent == 20);
    CHECK(rig.source.asked("tea") == 1);
}

TEST_CASE("while the cache cannot be read, nobody joins a load that may be older than a removal",
          "[flights][models][removals][failure][threads]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    Rig rig;
    rig.cache = Cache{backend, {.clock = rig.clock}};
    Source elsewhere;
    const Words words{rig.cache, rig.source};
    const Words other_process{Cache{backend}, elsewhere};
    Barrier loading;
    std::atomic<int> length{1};
    rig.source.answer = [&](const std::string&) {
        const int read = length;
        if (read == 1) loading.pass();
        return read;
    };
    std::atomic<int> before{0};
    std::atomic<int> after{0};
    Crew crew;
    backend->go_down();
    crew.start([&] { before = words.get("tea").length; });
    loading.await_arrivals(1);
    backend->come_back();
    length = 2;
    other_process.remove("tea");
    backend->go_down();
    crew.start([&] { after = words.get("tea").length; });
    await_passengers(rig, words.key_for("tea"), 1);
    loading.open();
    CHECK(crew.join() == 0);
    CHECK(before == 1);
    CHECK(after == 2);
    CHECK(rig.cache.statistics().joined == 0);
}

TEST_CASE("what cannot be stored is not held up by the others of its load",
          "[flights][models][failure][threads]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    Rig rig;
    rig.cache = Cache{backend, {.lease_wait = 30s, .clock = rig.clock}};
    const Words words{rig.cache, rig.source};
    Barrier slow;
    rig.source.answer = [&](const std::string& name) {
        if (name == "coffee") slow.pass();
        return 1;
    };
    backend->go_down();
    Crew crew;
    crew.start([&] { (void)words.get_many(std::vector<std::string>{"tea", "coffee"}); });
    slow.await_arrivals(1);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(words.get("tea").length == 1);
    CHECK(std::chrono::steady_clock::now() - begin < 25s);
    CHECK(rig.source.asked("tea") == 2);
    slow.open();
    CHECK(crew.join() == 0);
}

TEST_CASE("who may not take what a load brings that goes on waits no longer than for a lease",
          "[flights][models][leases][threads]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    Rig rig;
    rig.cache = Cache{backend,
                      {.load_timeout = 30s,
                       .lease_wait = 40ms,
                       .executor = std::make_shared<ThreadPool>(ThreadPoolOptions{.threads = 4}),
                       .clock = rig.clock}};
    const Words words{rig.cache, rig.source};
    Barrier slow;
    rig.source.answer = [&](const std::string& name) {
        if (name == "coffee") slow.pass();
        return 1;
    };
    Crew crew;
    crew.start([&] { (void)words.get_many(std::vector<std::string>{"tea", "coffee"}); });
    slow.await_arrivals(1);
    backend->lose("*");  // and with it what tells that the load is new enough
    CHECK(words.get("tea").length == 1);
    CHECK(words.get("tea").length == 1);
    CHECK(rig.source.asked("tea") == 3);
    CHECK(rig.cache.statistics().load_timeouts == 0);
    slow.open();
    CHECK(crew.join() == 0);
}

TEST_CASE("a model that cannot be copied reaches all that wait for it",
          "[flights][models][threads]") {
    Rig rig;
    const Models<Secret, Source&> secrets{rig.cache, rig.source};
    rig.source.answer = [&](const std::string& name) {
        await_passengers(rig, secrets.key_for(name), 9);
        return static_cast<int>(name.size());
    };
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < 10; ++i) {
        crew.start([&] {
            const Secret secret = secrets.get("tea");
            right += *secret.length && **secret.length == 3 ? 1 : 0;
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 10);
    CHECK(rig.source.asked("tea") == 1);
}

TEST_CASE("references that a loader assigned reach all that wait for it, whole",
          "[flights][models][reference][threads]") {
    Rig rig;
    const Models<Sentence, Source&> sentences{rig.cache, rig.source};
    rig.source.answer = [&](const std::string& name) {
        await_passengers(rig, sentences.key_for(name), 9);
        return static_cast<int>(name.size());
    };
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < 10; ++i) {
        crew.start([&, i] {
            if (i % 2 == 0) {
                const Sentence sentence = sentences.get("tea");
                right += sentence.first.loaded() && sentence.first->length == 3 ? 1 : 0;
            } else {
                const auto answers = sentences.get_many({"tea", "tea"});
                const auto is_whole = [](const auto& each) {
                    return each->first.loaded() && each->first->length == 3;
                };
                right += std::ranges::all_of(answers, is_whole) ? 1 : 0;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 10);
    CHECK(rig.source.asked("tea") == 1);
    CHECK(rig.source.asked("made by hand") == 0);
}

// ---- loads inside of loads

namespace single_flight_test {

struct Loop;
struct Even;
struct Odd;

/// What loaders of this part read through: doors, and what else a test wants to happen.
struct Inner {
    explicit Inner(Cache cache_) : cache(std::move(cache_)) {}

    Cache cache;
    std::function<void(const std::string&)> before = [](const std::string&) {};
};

/// Whose loader needs the same model again.
struct Loop {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<std::string> name;
    Field<int> depth;

    void from_miss(Inner& inner) {
        const Models<Loop, Inner&> loops{inner.cache, inner};
        if (name == "many") {
            const auto answers = loops.get_many({"leaf", "many"});
            answers[1].failure().rethrow();
        }
        depth = name == "leaf" ? 0 : 1 + loops.get(*name).depth;
    }
};

struct Even {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<int> number;
    Field<std::string> text;

    void from_miss(Inner& inner);
};
/// Whose loader needs an even one, whose loader needs an odd one.
struct Odd {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};

    Key<int> number;
    Field<std::string> text;

    void from_miss(Inner& inner) {
        inner.before("odd");
        const int wanted = number == 5 ? 4 : *number + 1;
        text = "odd " + *Models<Even, Inner&>{inner.cache, inner}.get(wanted).text;
    }
};
void Even::from_miss(Inner& inner) {
    inner.before("even");
    text = number == 4 || number == 8
               ? "end"
               : "even " + *Models<Odd, Inner&>{inner.cache, inner}.get(*number - 1).text;
}

}  // namespace single_flight_test

TEST_CASE("a load that needs its own model is an error", "[flights][models][recursion]") {
    Rig rig;
    Inner inner{rig.cache};
    const Models<Loop, Inner&> loops{rig.cache, inner};
    CHECK(loops.get("leaf").depth == 0);
    CHECK_THROWS_AS(loops.get("ring"), RecursiveLoad);
    CHECK_THROWS_AS(loops.get("many"), RecursiveLoad);
    const auto answers = loops.get_many({"leaf", "ring", "many"});
    CHECK(answers[0].found());
    CHECK_THROWS_AS(answers[1].failure().rethrow(), RecursiveLoad);
    CHECK_THROWS_AS(answers[2].failure().rethrow(), RecursiveLoad);
    // Nothing is left of it.
    CHECK_THROWS_AS(loops.get("ring"), RecursiveLoad);
    CHECK(loops.get("leaf").depth == 0);
}

TEST_CASE("a load that needs its own model through another one is an error",
          "[flights][models][recursion]") {
    Rig rig;
    Inner inner{rig.cache};
    const Models<Odd, Inner&> odd{rig.cache, inner};
    // 1 needs 2, which needs 1.
    CHECK_THROWS_AS(odd.get(1), RecursiveLoad);
    CHECK(odd.get(7).text == "odd end");
}

TEST_CASE("two threads whose loads need each other both fail, and do not wait for ever",
          "[flights][models][recursion][threads]") {
    Rig rig;
    Inner inner{rig.cache};
    Barrier both;
    std::atomic<int> begun{0};
    inner.before = [&](const std::string&) {
        if (++begun <= 2) both.meet(2);
    };
    std::atomic<int> recursive{0};
    const auto attempt = [&](const auto& door, int number) {
        try {
            (void)door.get(number);
        } catch (const RecursiveLoad&) {
            ++recursive;
        }
    };
    Crew crew;
    crew.start([&] { attempt(Models<Odd, Inner&>{rig.cache, inner}, 1); });
    crew.start([&] { attempt(Models<Even, Inner&>{rig.cache, inner}, 2); });
    CHECK(crew.join() == 0);
    CHECK(recursive == 2);
}

TEST_CASE("threads that need of each other what stands in line there do not wait for ever",
          "[flights][models][recursion][threads]") {
    Rig rig;
    Inner inner{rig.cache};
    Barrier both;
    std::atomic<int> begun{0};
    // Each loads two, the second of which the other one needs for its first.
    inner.before = [&](const std::string&) {
        if (++begun <= 2) both.meet(2);
    };
    std::atomic<int> found{0};
    Crew crew;
    crew.start([&] {
        for (const auto& each : Models<Odd, Inner&>{rig.cache, inner}.get_many({7, 5})) {
            found += each.found() ? 1 : 0;
        }
    });
    crew.start([&] {
        for (const auto& each : Models<Even, Inner&>{rig.cache, inner}.get_many({6, 8})) {
            found += each.found() ? 1 : 0;
        }
    });
    CHECK(crew.join() == 0);
    CHECK(found == 4);
}
