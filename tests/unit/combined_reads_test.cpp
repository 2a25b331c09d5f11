// cachemodel: reads of single keys that are combined into one request, with a server that is
// played. SPDX-License-Identifier: MIT
#include "net/combined_reads.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/crew.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <new>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using net::CombinedReads;
using std::chrono::steady_clock;

namespace {

using Keys = std::span<const std::string_view>;

std::string value_of(std::string_view key) { return "value of " + std::string{key}; }

/// On any thread: what it throws is counted.
void expect(bool holds) {
    if (!holds) throw std::logic_error{"a caller got what it should not"};
}

/// What a server says to one request. By default each key's own value.
using Script = std::function<void(Keys keys, ReadSink& sink)>;

void answer(Keys keys, ReadSink& sink) {
    for (std::size_t i = 0; i < keys.size(); ++i) sink.found(i, value_of(keys[i]), i + 1);
}

/// A server that writes down the requests. It holds the first one until it is let go.
class HeldServer {
 public:
    explicit HeldServer(CombinedReads& reads, Script script = answer)
        : reads_(reads), script_(std::move(script)) {
        crew_.start([this] { expect(read("first").found("value of first")); });
        first_.await_arrivals(1);
    }
    ~HeldServer() { let_go(); }

    /// False where a thread did not get what it should.
    bool let_go() {
        first_.open();
        return crew_.join() == 0;
    }

    /// Reads `key` on this thread.
    Read read(std::string_view key, std::chrono::nanoseconds patience = 1h) {
        struct Request final : net::ReadRequest {
            explicit Request(HeldServer& of) : server(of) {}
            void send(Keys keys, ReadSink& sink) override { server.answer_request(keys, sink); }
            HeldServer& server;
        } request{*this};
        ReadKeeper keeper{1};
        const bool is_answered = reads_.read(key, keeper, steady_clock::now() + patience, request);
        expect(keeper.reads[0].answers == (is_answered ? 1 : 0));
        return keeper.reads[0];
    }

    /// Another thread begins to read, and waits for its turn.
    template <class Check>
    void start(const std::string& key, Check check, std::chrono::nanoseconds patience = 1h) {
        const auto waiting = reads_.waiting();
        const auto asked = requests().size();
        crew_.start([this, key, check, patience] { check(read(key, patience)); });
        await("a key waits",
              [&] { return reads_.waiting() > waiting || requests().size() > asked; });
    }

    /// The keys of each request but the first, sorted.
    std::vector<std::vector<std::string>> requests() const {
        const std::lock_guard lock{mutex_};
        return {requests_.begin() + 1, requests_.end()};
    }

 private:
    void answer_request(Keys keys, ReadSink& sink) {
        std::vector<std::string> sorted(keys.begin(), keys.end());
        std::ranges::sort(sorted);
        {
            const std::lock_guard lock{mutex_};
            requests_.push_back(std::move(sorted));
        }
        if (keys[0] == "first") {
            first_.pass();
            answer(keys, sink);
        } else {
            script_(keys, sink);
        }
    }

    CombinedReads& reads_;
    Script script_;
    Barrier first_;
    mutable std::mutex mutex_;
    std::vector<std::vector<std::string>> requests_;
    Crew crew_;
};

/// A batch is asked for by the caller that joined it first, after so long.
constexpr auto soon = 300ms;

auto finds(const std::string& value) {
    return [value](const Read& read) { expect(read.found(value)); };
}

}  // namespace

TEST_CASE("a caller goes alone while few requests are under way", "[net][combined]") {
    CombinedReads reads{64, 1h};
    HeldServer server{reads};
    CHECK(server.read("a").found("value of a"));
    CHECK(server.read("b").found("value of b"));
    CHECK(server.requests() == std::vector<std::vector<std::string>>{{"a"}, {"b"}});
}

TEST_CASE("keys that wait go in one request, each answer to its own caller on its own thread",
          "[net][combined][threads]") {
    CombinedReads reads{1, 1h};
    std::atomic<int> right{0};
    HeldServer server{reads, [](Keys keys, ReadSink& sink) {
                          for (std::size_t i = keys.size(); i-- > 0;) {
                              if (keys[i] == "b") {
                                  sink.absent(i);
                              } else if (keys[i] == "c") {
                                  sink.failed(i, Failure{BackendFault::unavailable, "of c"});
                              } else {
                                  sink.found(i, value_of(keys[i]), 7);
                              }
                          }
                      }};
    server.start("a", [&](const Read& read) { right += read.found("value of a"); });
    server.start("b", [&](const Read& read) { right += read.absent(); });
    server.start("c", [&](const Read& read) {
        right += read.failed() && read.failure->message() == "unavailable: of c";
    });
    server.start("a", [&](const Read& read) { right += read.found("value of a"); });
    server.start("d",
                 [&](const Read& read) { right += read.found("value of d") && read.token == 7; });
    CHECK(server.let_go());
    CHECK(right == 5);
    CHECK(server.requests() == std::vector<std::vector<std::string>>{{"a", "a", "b", "c", "d"}});
    CHECK(reads.waiting() == 0);
}

TEST_CASE("nobody waits for long until somebody asks, however many requests are held up",
          "[net][combined][threads]") {
    CombinedReads reads{1, soon};
    HeldServer server{reads};
    CHECK(server.read("a").found("value of a"));
    CHECK(server.requests() == std::vector<std::vector<std::string>>{{"a"}});
}

TEST_CASE("a full batch is asked for at once", "[net][combined][threads]") {
    CombinedReads reads{1, 1h};
    HeldServer server{reads};
    std::atomic<int> right{0};
    const auto count = [&](const Read& read) { right += read.found("value of k"); };
    for (std::size_t i = 1; i < CombinedReads::most_keys; ++i) server.start("k", count);
    CHECK(server.read("k").found("value of k"));
    await("the others are answered",
          [&] { return right + 1 == static_cast<int>(CombinedReads::most_keys); });
    server.start("k", count);
    CHECK(server.let_go());
    const auto requests = server.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].size() == CombinedReads::most_keys);
    CHECK(requests[1].size() == 1);
}

TEST_CASE("a caller leaves at its deadline, and its answer is dropped",
          "[net][combined][threads]") {
    CombinedReads reads{1, soon};
    Barrier answered;
    HeldServer server{reads, [&](Keys keys, ReadSink& sink) {
                          answered.pass();
                          answer(keys, sink);
                      }};
    server.start("a", finds("value of a"));
    const auto begin = steady_clock::now();
    CHECK(server.read("b", 2 * soon).kind == Read::Kind::unanswered);
    CHECK(steady_clock::now() - begin >= 2 * soon);
    answered.open();
    CHECK(server.let_go());
}

TEST_CASE("the deadline of the caller that asks ends nobody else's read",
          "[net][combined][threads]") {
    CombinedReads reads{1, soon};
    const auto deadline = steady_clock::now() + 4 * soon;
    std::atomic<int> requests{0};
    HeldServer server{reads, [&](Keys keys, ReadSink& sink) {
                          if (++requests > 1) return answer(keys, sink);
                          std::this_thread::sleep_until(deadline + soon);
                          for (std::size_t i = 0; i < keys.size(); ++i) {
                              sink.failed(i, Failure{BackendFault::timeout, "the first one's"});
                          }
                      }};
    server.start(
        "a", [](const Read& read) { expect(read.failed()); }, deadline - steady_clock::now());
    CHECK(server.read("b").found("value of b"));
    CHECK(server.let_go());
}

TEST_CASE("what the caller that asks throws is its own, and the others ask again",
          "[net][combined][threads]") {
    CombinedReads reads{1, soon};
    std::atomic<int> requests{0};
    std::atomic<int> thrown{0};
    HeldServer server{reads, [&](Keys keys, ReadSink& sink) {
                          if (++requests == 1) throw std::bad_alloc{};
                          answer(keys, sink);
                      }};
    Crew crew;
    crew.start([&] {
        try {
            static_cast<void>(server.read("a"));
        } catch (const std::bad_alloc&) {
            ++thrown;
        }
    });
    await("a key waits", [&] { return reads.waiting() == 1 || requests == 1; });
    CHECK(server.read("b").found("value of b"));
    crew.join();
    CHECK(thrown == 1);
}

TEST_CASE("an answer that makes no sense is asked for again, each key alone",
          "[net][combined][threads]") {
    CombinedReads reads{1, 1h};
    HeldServer server{reads, [](Keys keys, ReadSink& sink) {
                          const Failure failure{BackendFault::protocol, "nonsense"};
                          for (std::size_t i = 0; i < keys.size(); ++i) {
                              if (keys.size() == 1 && keys[0] != "b") {
                                  sink.found(i, value_of(keys[i]), 1);
                              } else {
                                  sink.failed(i, failure);
                              }
                          }
                      }};
    std::atomic<int> right{0};
    server.start("a", [&](const Read& read) { right += read.found("value of a"); });
    server.start("b", [&](const Read& read) { right += read.failed(); });
    server.start("c", [&](const Read& read) { right += read.found("value of c"); });
    CHECK(server.let_go());
    CHECK(right == 3);
    CHECK(server.requests().size() == 4);
}

TEST_CASE("after large answers callers go alone", "[net][combined][threads]") {
    CombinedReads reads{1, 1h};
    const auto size = GENERATE(CombinedReads::large_answer + 1, CombinedReads::most_bytes + 1);
    HeldServer server{reads, [&](Keys keys, ReadSink& sink) {
                          const std::string value(size, 'x');
                          for (std::size_t i = 0; i < keys.size(); ++i) sink.found(i, value, 1);
                      }};
    std::atomic<int> right{0};
    const auto count = [&](const Read& read) { right += read.found(std::string(size, 'x')); };
    server.start("a", count);
    server.start("b", count);
    CHECK(server.let_go());
    CHECK(right == 2);
    // What a batch has no place for is asked for again.
    CHECK(server.requests().size() == (size > CombinedReads::most_bytes ? 3 : 1));

    HeldServer again{reads};
    CHECK(again.read("c").found("value of c"));
    CHECK(again.let_go());
}

TEST_CASE("whatever becomes of requests, each caller gets one answer, and its own",
          "[net][combined][threads]") {
    CombinedReads reads{3, 20us};
    std::atomic<unsigned> requests{0};
    std::atomic<int> combined{0};
    std::atomic<int> wrong{0};
    const auto script = [&](Keys keys, ReadSink& sink) {
        const auto number = ++requests;
        if (keys.size() > 1) ++combined;
        if (number % 7 == 0) std::this_thread::sleep_for(200us);
        if (number % 31 == 0) throw std::bad_alloc{};
        const auto fault = number % 11 == 0 ? BackendFault::protocol : BackendFault::timeout;
        const bool fails = number % 11 == 0 || number % 13 == 0;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (fails && i >= keys.size() / 2) {
                sink.failed(i, Failure{fault, "broken off"});
            } else {
                sink.found(i, value_of(keys[i]), 1);
            }
        }
    };
    struct Request final : net::ReadRequest {
        explicit Request(const Script& of) : script(of) {}
        void send(Keys keys, ReadSink& sink) override { script(keys, sink); }
        const Script& script;
    };
    const Script played = script;
    Crew crew;
    for (unsigned thread = 0; thread < 12; ++thread) {
        crew.start([&, thread] {
            std::minstd_rand random{thread + 1};
            Request request{played};
            for (int i = 0; i < 2000; ++i) {
                const auto key = "key" + std::to_string(random() % 50);
                const auto patience = std::chrono::microseconds{random() % 8 == 0 ? 50 : 1'000'000};
                ReadKeeper keeper{1};
                try {
                    const bool is_answered =
                        reads.read(key, keeper, steady_clock::now() + patience, request);
                    wrong += keeper.reads[0].answers != (is_answered ? 1 : 0);
                } catch (const std::bad_alloc&) {
                    wrong += keeper.reads[0].answers != 0;
                }
                wrong += keeper.reads[0].found() && keeper.reads[0].value != value_of(key);
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(wrong == 0);
    CHECK(combined > 0);
    CHECK(reads.waiting() == 0);
}
