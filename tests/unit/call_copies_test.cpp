// cachemodel: what calls run with in the background, and what they outlive.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/executor.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace call_copies_test {

/// What functions were called with.
Strings calls;
std::atomic<int> answer{0};

struct Rig : support::LoadRig {
    Rig() {
        calls.clear();
        answer = 1;
    }
};

template <class Result = int>
constexpr CallOptions<Result> options() {
    return {.expires = 10s, .stale_while_refresh = 20s, .lease_wait = 0s, .load_backoff = 0s};
}

int of_view(std::string_view text) {
    calls.emplace_back(text);
    return ++answer;
}
int of_many(const std::vector<std::string>& texts, std::string by, int times) {
    std::string all;
    for (const auto& text : texts) all += text + by + std::to_string(times);
    calls.push_back(all);
    return ++answer;
}
int of_views(const std::vector<std::string_view>& texts) {
    calls.emplace_back(texts.front());
    return ++answer;
}

struct Home {
    std::string address;
    std::string tenant;

    int rent(std::string_view currency) const {
        calls.push_back(address + " " + tenant + " " + std::string{currency});
        return ++answer;
    }
};

struct Shape {
    explicit Shape(int side_) : side(side_) {}
    virtual ~Shape() = default;
    Shape(const Shape&) = default;
    Shape& operator=(const Shape&) = default;
    virtual int area() const {
        calls.emplace_back("shape");
        return ++answer;
    }
    int side;
};
struct Square : Shape {
    using Shape::Shape;
    int area() const override {
        calls.emplace_back("square");
        return ++answer;
    }
};

struct Ticket {
    std::string number;
    std::unique_ptr<int> seat = {};

    int price() const {
        calls.push_back(number + (seat ? " seated" : " standing"));
        return ++answer;
    }
};

/// Refers to what lives no longer than whoever calls.
struct Parcel {
    std::string number;
    const std::string* address = nullptr;

    int postage() const {
        calls.push_back(number + " to " + *address);
        return ++answer;
    }
};
struct Street {
    const std::string* name;

    friend std::string to_cache_key(const Street& street) { return *street.name; }
};
int length_of(Street street) {
    calls.push_back(*street.name);
    return ++answer;
}

/// Has a constructor, and owns its parts.
class Flat {
 public:
    explicit Flat(std::string address) : address_(std::move(address)) {}
    const std::string& address() const { return address_; }
    int rent() const {
        calls.push_back(address_);
        return ++answer;
    }

 private:
    std::string address_;
};

/// Cannot always be copied.
struct Fragile {
    int id = 0;
    static inline bool breaks = false;

    explicit Fragile(int id_) : id(id_) {}
    Fragile(const Fragile& other) : id(other.id) {
        if (breaks) throw std::runtime_error("broken while it was copied");
    }
    Fragile& operator=(const Fragile&) = delete;
    int weight() const { return ++answer; }
};

}  // namespace call_copies_test

template <>
inline constexpr bool cachemodel::declared_self_contained<call_copies_test::Flat> = true;
template <>
inline constexpr bool cachemodel::declared_self_contained<call_copies_test::Fragile> = true;

using namespace call_copies_test;

TEST_CASE("a view as an argument owns its text in the background", "[cached_function][stale]") {
    Rig rig;
    const CachedFunction<&of_view> call{rig.cache, options()};
    (void)call("tea");
    rig.clock.advance(15s);
    {
        std::string text = "tea";
        (void)call(text);
        text = "rum";
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(calls == Strings{"tea", "tea"});
    CHECK(call("tea") == 3);
}

TEST_CASE("arguments are copied for the background as they were", "[cached_function][stale]") {
    Rig rig;
    const CachedFunction<&of_many> call{rig.cache, options()};
    Strings texts{"a", "b"};
    (void)call(texts, "-", 2);
    rig.clock.advance(15s);
    (void)call(texts, "-", 2);
    texts = {"c"};
    CHECK(rig.executor->run_all() == 1);
    CHECK(calls == Strings{"a-2b-2", "a-2b-2"});
}

TEST_CASE("an object that changes or dies after the call is loaded as it was",
          "[cached_method][stale]") {
    Rig rig;
    const CachedMethod<&Home::rent, &Home::address> rent{rig.cache, options()};
    {
        Home home{"Main Street 1", "Ada"};
        (void)rent(home, "EUR");
        rig.clock.advance(15s);
        (void)rent(home, "EUR");
        home.tenant = "Bob";
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(calls == Strings{"Main Street 1 Ada EUR", "Main Street 1 Ada EUR"});
}

TEST_CASE("an object of a class that is declared self-contained is refreshed in the background",
          "[cached_method][stale]") {
    Rig rig;
    const CachedMethod<&Flat::rent, &Flat::address> rent{rig.cache, options()};
    CHECK(rent(Flat{"Main Street 1"}) == 2);
    rig.clock.advance(15s);
    CHECK(rent(Flat{"Main Street 1"}) == 2);
    CHECK(rig.executor->run_all() == 1);
    CHECK(calls == Strings{"Main Street 1", "Main Street 1"});
}

TEST_CASE("what cannot be copied whole is refreshed by the first caller, and others are served",
          "[cached_method][stale]") {
    Rig rig;

    SECTION("an object that may be of a derived class") {
        const CachedMethod<&Shape::area, &Shape::side> area{rig.cache, options()};
        const Square square{2};
        CHECK(area(square) == 2);
        rig.clock.advance(15s);
        CHECK(area(square) == 3);
        CHECK(calls == Strings{"square", "square"});
    }
    SECTION("an object that can only be moved") {
        const CachedMethod<&Ticket::price, &Ticket::number> price{rig.cache, options()};
        const Ticket ticket{"7", std::make_unique<int>(12)};
        CHECK(price(ticket) == 2);
        rig.clock.advance(15s);
        CHECK(price(ticket) == 3);
        CHECK(calls == Strings{"7 seated", "7 seated"});
    }
    SECTION("an object that refers to something else") {
        const CachedMethod<&Parcel::postage, &Parcel::number> postage{rig.cache, options()};
        const std::string address = "Main Street 1";
        const Parcel parcel{"7", &address};
        CHECK(postage(parcel) == 2);
        rig.clock.advance(15s);
        CHECK(postage(parcel) == 3);
        CHECK(calls == Strings{"7 to Main Street 1", "7 to Main Street 1"});
    }
    SECTION("an argument that refers to something else") {
        const CachedFunction<&length_of> length{rig.cache, options()};
        const std::string name = "Main Street";
        CHECK(length({&name}) == 2);
        rig.clock.advance(15s);
        CHECK(length({&name}) == 3);
        CHECK(calls == Strings{"Main Street", "Main Street"});
    }
    SECTION("an argument that holds views") {
        const CachedFunction<&of_views> call{rig.cache, options()};
        CHECK(call({"tea"}) == 2);
        rig.clock.advance(15s);
        CHECK(call({"tea"}) == 3);
        CHECK(calls == Strings{"tea", "tea"});
    }
    CHECK(rig.executor->size() == 0);
    CHECK(rig.counted().stale_served == 1);
    CHECK(rig.counted().stores == 2);
}

TEST_CASE("while the first caller refreshes what cannot be copied, another one is served",
          "[cached_method][stale][threads]") {
    Rig rig;
    const CachedMethod<&Ticket::price, &Ticket::number> price{rig.cache, options()};
    const Ticket ticket{"7"};
    (void)price(ticket);
    rig.clock.advance(15s);
    std::optional<int> other;
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == testing::Verb::get || other) return;
        other = 0;  // the result is about to be stored
        std::thread{[&] { other = *price.peek(ticket); }}.join();
    });
    CHECK(price(ticket) == 3);
    rig.scripted->before_each_call({});
    CHECK(other == 2);
    CHECK(price(ticket) == 3);
}

TEST_CASE("a first caller whose function throws is served the stale result",
          "[cached_function][stale]") {
    Rig rig;
    support::Table table{{{"tea", 100}}};
    static support::Table* source;
    source = &table;
    constexpr auto price = [](const std::vector<std::string_view>& names) {
        return source->row(std::string{names.front()});
    };
    auto named = options();
    named.name = "price";
    const CachedFunction<price> call{rig.cache, named};
    CHECK(call({"tea"}) == 100);
    rig.clock.advance(15s);
    table.is_broken = true;
    CHECK(call({"tea"}) == 100);
    CHECK(call({"tea"}) == 100);
    CHECK(table.asked.size() == 3);
    CHECK(rig.counted().load_failures == 2);
}

TEST_CASE("an object whose copying throws is refreshed by the caller", "[cached_method][stale]") {
    Rig rig;
    const CachedMethod<&Fragile::weight, &Fragile::id> weight{rig.cache, options()};
    const Fragile fragile{1};
    CHECK(weight(fragile) == 2);
    rig.clock.advance(15s);
    Fragile::breaks = true;
    CHECK(weight(fragile) == 3);
    Fragile::breaks = false;
    CHECK(rig.executor->size() == 0);
    rig.clock.advance(15s);
    CHECK(weight(fragile) == 3);
    CHECK(rig.executor->size() == 1);
}

TEST_CASE("a refresh that its cached calls do not live to see is made all the same",
          "[cached_function][stale]") {
    Rig rig;
    {
        const CachedFunction<&of_view> call{rig.cache, options()};
        (void)call("tea");
        rig.clock.advance(15s);
        (void)call("tea");
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(calls == Strings{"tea", "tea"});
    CHECK(rig.counted().refreshes == 1);
    CHECK(CachedFunction<&of_view>{rig.cache, options()}("tea") == 3);
}

namespace {

support::Barrier* gate = nullptr;

int slow(int number) {
    if (gate != nullptr) gate->pass();
    return number;
}

}  // namespace

TEST_CASE("cached calls that go wait for no function that runs in the background",
          "[cached_function][stale][load_timeout][threads]") {
    Rig rig;
    const auto pool = std::make_shared<ThreadPool>();
    const Cache cache{rig.scripted, {.executor = pool, .clock = rig.clock}};
    support::Barrier running;
    auto patience = options();
    SECTION("as a refresh") {
        auto call = std::make_unique<CachedFunction<&slow>>(cache, patience);
        (void)(*call)(1);
        rig.clock.advance(15s);
        gate = &running;
        (void)(*call)(1);
        running.await_arrivals(1);
        support::Crew crew;
        crew.start([&] { call.reset(); });
        CHECK(crew.join() == 0);
    }
    SECTION("for a caller that was late") {
        patience.load_timeout = 1ms;
        auto call = std::make_unique<CachedFunction<&slow>>(cache, patience);
        gate = &running;
        CHECK_THROWS_AS((*call)(1), LoadTimeout);
        running.await_arrivals(1);
        support::Crew crew;
        crew.start([&] { call.reset(); });
        CHECK(crew.join() == 0);
    }
    gate = nullptr;
    running.open();
    CHECK(pool->shutdown(30s));
    CHECK(CachedFunction<&slow>{cache, options()}.peek(1).found());
}
