// cachemodel: cached methods: keys, results, lifetimes, failures and calls that reach themselves.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_method.hpp>

#include <cachemodel/binary.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/call_rig.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace method_test {

using support::count_run;
using support::during_run;
using support::runs;
using Rig = support::CallRigWithoutLeases;
using LeasingRig = support::CallRig;

struct Coordinates {
    double latitude = 0;
    double longitude = 0;

    bool operator==(const Coordinates&) const = default;
};

enum class Unit : std::uint8_t { metre, kilometre };

struct Home {
    std::string address;
    int floor = 0;
    Field<std::string> owner;

    Coordinates geocode() const {
        count_run();
        if (address == "nowhere") throw std::domain_error{"no such address"};
        return {static_cast<double>(address.size()), 0.5};
    }
    std::string distance(std::string to, Unit unit) const {
        count_run();
        return address + " to " + to + (unit == Unit::metre ? " in m" : " in km");
    }
    int neighbours(int count) const {
        count_run();
        return count * 10;
    }
    std::string street() const { return address.substr(0, address.find(' ')); }
};

using Geocode = CachedMethod<&Home::geocode, &Home::address>;
using Distance = CachedMethod<&Home::distance, &Home::address, &Home::floor>;

static_assert(std::same_as<Geocode::result_type, Coordinates>);
static_assert(
    std::same_as<decltype(std::declval<const Geocode&>()(std::declval<Home&>())), Coordinates>);
static_assert(
    std::same_as<decltype(std::declval<const Geocode&>().peek(Home{})), Lookup<Coordinates>>);
static_assert(std::same_as<decltype(std::declval<const Geocode&>().refresh(Home{})), Coordinates>);
static_assert(std::same_as<decltype(std::declval<const Geocode&>().bypass(Home{})), Coordinates>);

}  // namespace method_test

using namespace method_test;

// ---- which calls are equal

TEST_CASE("a method runs once for all objects with equal chosen members", "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "Via Roma", .floor = 1, .owner = "Ada"};
    CHECK(geocode(home) == Coordinates{8, 0.5});
    CHECK(geocode(home) == Coordinates{8, 0.5});
    CHECK(geocode(Home{.address = "Via Roma", .floor = 1, .owner = "Ada"}) == Coordinates{8, 0.5});
    CHECK(runs == 1);
    CHECK(rig.scripted->keys() ==
          Strings{":1:method_test::Home::geocode()@1/address=\"Via%20Roma\"()"});

    const Geocode another{rig.cache};
    CHECK(another(home) == Coordinates{8, 0.5});
    CHECK(runs == 1);
}

TEST_CASE("another value of a chosen member is another call, one of any other member is not",
          "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    CHECK(geocode({.address = "Via Roma"}).latitude == 8);
    CHECK(geocode({.address = "Via Po"}).latitude == 6);
    CHECK(runs == 2);
    CHECK(geocode({.address = "Via Roma", .floor = 7, .owner = "Bob"}).latitude == 8);
    CHECK(runs == 2);
    Home moved{.address = "Via Roma"};
    moved.address = "Corso";
    CHECK(geocode(moved).latitude == 5);
    CHECK(runs == 3);
}

TEST_CASE("other arguments are another call", "[cached_method]") {
    Rig rig;
    const Distance distance{rig.cache};
    const Home home{.address = "Via Roma"};
    CHECK(distance(home, "Rome", Unit::metre) == "Via Roma to Rome in m");
    CHECK(distance(home, "Rome", Unit::kilometre) == "Via Roma to Rome in km");
    CHECK(distance(home, "Oslo", Unit::metre) == "Via Roma to Oslo in m");
    CHECK(runs == 3);
    CHECK(distance(home, "Rome", Unit::metre) == "Via Roma to Rome in m");
    CHECK(runs == 3);
    CHECK(distance.key_for(home, "Rome", Unit::kilometre) ==
          "method_test::Home::distance(std::string,method_test::Unit)@1/"
          "address=\"Via%20Roma\",floor=0(\"Rome\",1)");
}

TEST_CASE("arguments that the parameters see as equal are one call", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Home::neighbours> neighbours{rig.cache};
    CHECK(neighbours(Home{}, 1) == 10);
    CHECK(neighbours(Home{}, 1L) == 10);
    CHECK(neighbours(Home{}, short{1}) == 10);
    CHECK(neighbours(Home{}, true) == 10);
    CHECK(neighbours(Home{}, 'b' - 'a') == 10);
    CHECK(runs == 1);

    const Distance distance{rig.cache};
    const std::string as_string = "Rome";
    CHECK(distance(Home{}, "Rome", Unit::metre) == " to Rome in m");
    CHECK(distance(Home{}, as_string, Unit::metre) == " to Rome in m");
    CHECK(distance(Home{}, std::string{"Rome"sv}, Unit::metre) == " to Rome in m");
    CHECK(runs == 2);
    CHECK(as_string == "Rome");
}

namespace method_test {

struct Dictionary {
    std::string by_view(std::string_view word) const {
        count_run();
        return "<" + std::string{word} + ">";
    }
    std::string by_reference(const std::string& word) const {
        count_run();
        return "[" + word + "]";
    }
    std::string of_any(const std::variant<bool, int, std::string>& value) const {
        count_run();
        return std::to_string(value.index());
    }
    std::string of_optional(std::optional<int> value) const {
        count_run();
        return value ? std::to_string(*value) : "none";
    }
    std::string of_two(std::string first, std::string second) const {
        count_run();
        return first + "|" + second;
    }
};

}  // namespace method_test

TEST_CASE("a text is one argument, however it is spelled", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Dictionary::by_view> by_view{rig.cache};
    CHECK(by_view({}, "word") == "<word>");
    CHECK(by_view({}, "word"s) == "<word>");
    CHECK(by_view({}, "a word"sv.substr(2)) == "<word>");
    CHECK(runs == 1);
    CHECK(by_view.key_for({}, "word") ==
          "method_test::Dictionary::by_view(std::basic_string_view<char,std::char_traits<char>>)@1/"
          "(\"word\")");

    const CachedMethod<&Dictionary::by_reference> by_reference{rig.cache};
    CHECK(by_reference({}, "word") == "[word]");
    CHECK(by_reference({}, "word"s) == "[word]");
    CHECK(runs == 2);
    CHECK(by_reference.key_for({}, "word") ==
          "method_test::Dictionary::by_reference(std::string%20const&)@1/(\"word\")");
}

TEST_CASE("a number, a text and a truth value are told apart by a variant", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Dictionary::of_any> of_any{rig.cache, {.name = "of_any"}};
    CHECK(of_any({}, true) == "0");
    CHECK(of_any({}, 1) == "1");
    CHECK(of_any({}, "1"s) == "2");
    CHECK(of_any({}, "true"s) == "2");
    CHECK(runs == 4);
    CHECK(rig.scripted->keys() == Strings{R"(:1:of_any@1/(<0>true))", R"(:1:of_any@1/(<1>1))",
                                          R"(:1:of_any@1/(<2>"1"))", R"(:1:of_any@1/(<2>"true"))"});
    CHECK(of_any({}, 1) == "1");
    CHECK(runs == 4);
}

TEST_CASE("an empty optional is no zero, and texts do not run into each other", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Dictionary::of_optional> of_optional{rig.cache, {.name = "of_optional"}};
    CHECK(of_optional({}, std::nullopt) == "none");
    CHECK(of_optional({}, 0) == "0");
    CHECK(of_optional.key_for({}, {}) == "of_optional@1/(null)");
    CHECK(of_optional.key_for({}, 0) == "of_optional@1/(?0)");

    const CachedMethod<&Dictionary::of_two> of_two{rig.cache, {.name = "of_two"}};
    CHECK(of_two({}, "a\",\"b", "c") == "a\",\"b|c");
    CHECK(of_two({}, "a", "b\",\"c") == "a|b\",\"c");
    CHECK(of_two.key_for({}, "a\",\"b", "c") == R"(of_two@1/("a%22,%22b","c"))");
    CHECK(runs == 4);
}

// ---- which methods are the same

namespace method_test {

struct Shop {
    int price(int amount) const { return amount; }
    int price(long amount) const { return static_cast<int>(amount) + 1; }
    int price(std::string) const { return 2; }
    int price() const noexcept { return 3; }
    template <class T>
    T sized(T value) const {
        return value;
    }
    int by_lvalue() const& { return 4; }
    int by_lvalue_noexcept(int) const& noexcept { return 5; }
    int operator()(int) const { return 6; }
    int operator[](std::string) const { return 7; }
    explicit operator int() const { return 8; }
};

template <class Content>
struct Box {
    int size() const { return static_cast<int>(sizeof(Content)); }
};

namespace north {
struct Shop {
    int price() const { return 10; }
};
}  // namespace north
namespace south {
struct Shop {
    int price() const { return 20; }
};
}  // namespace south

}  // namespace method_test

TEST_CASE("overloads, templates and qualified methods each have a name of their own",
          "[cached_method]") {
    const Shop shop;
    const CachedMethod<static_cast<int (Shop::*)(int) const>(&Shop::price)> of_int;
    const CachedMethod<static_cast<int (Shop::*)(long) const>(&Shop::price)> of_long;
    const CachedMethod<static_cast<int (Shop::*)(std::string) const>(&Shop::price)> of_text;
    const CachedMethod<static_cast<int (Shop::*)() const noexcept>(&Shop::price)> of_nothing;
    CHECK(of_int.key_for(shop, 1) == "method_test::Shop::price(int)@1/(1)");
    CHECK(of_long.key_for(shop, 1) == "method_test::Shop::price(long)@1/(1)");
    CHECK(of_text.key_for(shop, "1") == "method_test::Shop::price(std::string)@1/(\"1\")");
    CHECK(of_nothing.key_for(shop) == "method_test::Shop::price()@1/()");

    const CachedMethod<&Shop::sized<int>> sized_int;
    const CachedMethod<&Shop::sized<long>> sized_long;
    CHECK(sized_int.key_for(shop, 1) == "int%20method_test::Shop::sized<int>(int)@1/(1)");
    CHECK(sized_long.key_for(shop, 1) == "long%20method_test::Shop::sized<long>(long)@1/(1)");

    const CachedMethod<&Shop::by_lvalue> by_lvalue;
    const CachedMethod<&Shop::by_lvalue_noexcept> by_lvalue_noexcept;
    CHECK(by_lvalue.key_for(shop) == "method_test::Shop::by_lvalue()@1/()");
    CHECK(by_lvalue_noexcept.key_for(shop, 1) ==
          "method_test::Shop::by_lvalue_noexcept(int)@1/(1)");

    const CachedMethod<&Shop::operator()> call;
    const CachedMethod < &Shop::operator[]> subscript;
    CHECK(call.key_for(shop, 1) == "method_test::Shop::operator()(int)@1/(1)");
    CHECK(subscript.key_for(shop, "a") == "method_test::Shop::operator[](std::string)@1/(\"a\")");

    const CachedMethod<&Box<char>::size> box_of_char;
    const CachedMethod<&Box<std::string>::size> box_of_text;
    CHECK(box_of_char.key_for({}) == "method_test::Box<char>::size()@1/()");
    CHECK(box_of_text.key_for({}) == "method_test::Box<std::string>::size()@1/()");

    const ScopedCaches empty;
    CHECK(of_int(shop, 1) == 1);
    CHECK(of_long(shop, 1) == 2);
    CHECK(of_text(shop, "1") == 2);
    CHECK(of_nothing(shop) == 3);
    CHECK(sized_int(shop, 1) == 1);
    CHECK(by_lvalue(shop) == 4);
    CHECK(by_lvalue_noexcept(shop, 1) == 5);
    CHECK(call(shop, 1) == 6);
    CHECK(subscript(shop, "a") == 7);
}

TEST_CASE("a conversion works with a name", "[cached_method]") {
    Rig rig;
    const CachedMethod < &Shop::operator int> nameless{rig.cache};
    int given = 8;
    try {
        given = nameless({});
    } catch (const ConfigError& error) {  // where the runtime library cannot spell it
        CHECK_THAT(error.what(), Contains(".name"));
    }
    CHECK(given == 8);
    const CachedMethod < &Shop::operator int> named{rig.cache, {.name = "as a number"}};
    CHECK(named({}) == 8);
    CHECK(named.key_for({}) == "as%20a%20number@1/()");
}

TEST_CASE("classes of one name in two namespaces do not share results", "[cached_method]") {
    Rig rig;
    const CachedMethod<&north::Shop::price> in_the_north{rig.cache};
    const CachedMethod<&south::Shop::price> in_the_south{rig.cache};
    CHECK(in_the_north({}) == 10);
    CHECK(in_the_south({}) == 20);
    CHECK(in_the_north({}) == 10);
    CHECK(rig.scripted->keys() == Strings{":1:method_test::north::Shop::price()@1/()",
                                          ":1:method_test::south::Shop::price()@1/()"});
}

namespace method_test {

int twice(int n) { return n * 2; }
int twice(long n) { return static_cast<int>(n) * 2 + 1; }

template <auto function>
struct Applying {
    int run(int n) const {
        count_run();
        return static_cast<int>(function(n));
    }
};

}  // namespace method_test

TEST_CASE("overloads as arguments of a template do not make its methods share results",
          "[cached_method]") {
    Rig rig;
    using OfInt = Applying<static_cast<int (*)(int)>(&twice)>;
    using OfLong = Applying<static_cast<int (*)(long)>(&twice)>;
    const CachedMethod<&OfInt::run> of_int{rig.cache};
    const CachedMethod<&OfLong::run> of_long{rig.cache};
    CHECK(of_int({}, 1) == 2);
    CHECK(of_long({}, 1) == 3);
    CHECK(of_long.key_for({}, 1) ==
          "method_test::Applying<&(method_test::twice(long))>::run(int)@1/(1)");
}

namespace method_test {

std::string key_of_first_local() {
    struct Local {
        int id = 1;
        int number() const { return id; }
    };
    const CachedMethod<&Local::number, &Local::id> number;
    return number.key_for({});
}
std::string key_of_second_local() {
    struct Local {
        int id = 1;
        int number() const { return id; }
    };
    const CachedMethod<&Local::number, &Local::id> number;
    return number.key_for({});
}

}  // namespace method_test

TEST_CASE("a class that is local to a function has its function's name", "[cached_method]") {
    CHECK(key_of_first_local() == "method_test::key_of_first_local()::Local::number()@1/id=1()");
    CHECK(key_of_second_local() == "method_test::key_of_second_local()::Local::number()@1/id=1()");
}

TEST_CASE("a class inside of a lambda needs a name, and works with one",
          "[cached_method][failure]") {
    Rig rig;
    [&] {
        struct Local {
            int id = 1;
            int number() const { return id + 1; }
        };
        using Number = CachedMethod<&Local::number, &Local::id>;
        const Number nameless{rig.cache};
        CHECK_THROWS_AS(nameless({}), ConfigError);
        CHECK_THROWS_WITH(nameless.key_for({}), Contains("Local::number") && Contains(".name"));
        CHECK_THROWS_AS(nameless.peek({}), ConfigError);
        CHECK_THROWS_AS(nameless.invalidate({}), ConfigError);
        CHECK_THROWS_AS(nameless.prefetch({Local{}}), ConfigError);
        CHECK(nameless.bypass({}) == 2);

        const Number named{rig.cache, {.name = "number"}};
        CHECK(named({}) == 2);
        CHECK(named.peek({}).found());
        CHECK(named.key_for({}) == "number@1/id=1()");
    }();
}

TEST_CASE("a given name stands in the key, with what would end it escaped", "[cached_method]") {
    const Geocode geocode{{.name = "geo/code@home \"x\"~", .version = 7}};
    CHECK(geocode.key_for({.address = "A"}) == "geo%2fcode%40home%20%22x%22%7e@7/address=\"A\"()");
    std::string text = "short";
    const Geocode copied{{.name = text}};
    text = "other";
    CHECK(copied.key_for({.address = "A"}) == "short@1/address=\"A\"()");
}

TEST_CASE("another version sees other entries", "[cached_method]") {
    Rig rig;
    const Geocode first{rig.cache};
    const Geocode second{rig.cache, {.version = 2}};
    (void)first({.address = "A"});
    (void)second({.address = "A"});
    CHECK(runs == 2);
    CHECK(second.key_for({.address = "A"}) == "method_test::Home::geocode()@2/address=\"A\"()");
    CHECK(first.peek({.address = "A"}).found());
    CHECK(second.peek({.address = "A"}).found());
}

namespace method_test {

struct Figure {
    virtual ~Figure() = default;
    virtual double area() const = 0;
    int edges() const {
        count_run();
        return count_edges();
    }
    std::string colour = "red";

 private:
    virtual int count_edges() const = 0;
};
struct Square : Figure {
    explicit Square(double side_) : side(side_) {}
    double area() const override {
        count_run();
        return side * side;
    }
    double side;

 private:
    int count_edges() const override { return 4; }
};
struct Fancy : Square {
    using Square::Square;
    double area() const override {
        count_run();
        return 1000;
    }
};

}  // namespace method_test

TEST_CASE("objects of several classes behind one base do not share results", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Figure::area, &Figure::colour> area{rig.cache};
    const Square square{2};
    const Fancy fancy{2};
    const Figure& either = fancy;
    CHECK(area(fancy) == 1000);
    CHECK(area(square) == 4);
    CHECK(area(either) == 1000);
    CHECK(area(static_cast<const Square&>(fancy)) == 1000);
    CHECK(runs == 2);
    CHECK(area.key_for(square) ==
          "method_test::Figure::area()@1/<method_test::Square>colour=\"red\"()");
    CHECK(area.key_for(either) ==
          "method_test::Figure::area()@1/<method_test::Fancy>colour=\"red\"()");

    const CachedMethod<&Square::area, &Square::side> of_square{rig.cache};
    CHECK(of_square(square) == 4);
    CHECK(of_square(fancy) == 1000);
    CHECK(runs == 4);
    CHECK(of_square.key_for(fancy) == "method_test::Square::area()@1/<method_test::Fancy>side=2()");

    const CachedMethod<&Figure::edges> edges{rig.cache, {.name = "edges"}};
    CHECK(edges(square) == 4);
    CHECK(edges.key_for(square) == "edges@1/<method_test::Square>()");
}

TEST_CASE("an object of a class inside of a lambda is an error that names the class",
          "[cached_method][failure]") {
    Rig rig;
    const CachedMethod<&Figure::area> area{rig.cache, {.name = "area"}};
    [&] {
        struct Hidden : Square {
            using Square::Square;
        };
        CHECK_THROWS_AS(area(Hidden{1}), ConfigError);
        CHECK_THROWS_WITH(area(Hidden{1}), Contains("Hidden"));
        CHECK(area(Square{1}) == 1);
    }();
}

TEST_CASE("objects behind one base are prefetched as what they are", "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Figure::area> area{rig.cache};
    const Square square{3};
    const Fancy fancy{3};
    const std::vector<std::reference_wrapper<const Figure>> figures{square, fancy, square};
    const auto areas = area.prefetch(figures);
    REQUIRE(areas.size() == 3);
    CHECK(*areas[0] == 9);
    CHECK(*areas[1] == 1000);
    CHECK(*areas[2] == 9);
    CHECK(runs == 2);
    CHECK(area.prefetch(std::vector{Square{3}}).at(0).found());
    CHECK(runs == 2);

    const CachedMethod<&Square::area, &Square::side> of_square{rig.cache};
    const std::vector<std::reference_wrapper<const Square>> squares{square, fancy};
    CHECK(*of_square.prefetch(squares)[1] == 1000);
    CHECK(*of_square.prefetch(std::vector<Fancy>{fancy})[0] == 1000);
    CHECK(runs == 4);
}

namespace method_test {

struct Dot final : Figure {
    explicit Dot(int id_) : id(id_) {}
    double area() const override {
        count_run();
        return id;
    }
    int id;

 private:
    int count_edges() const override { return 0; }
};

/// Makes what it gives, one after the other: nothing stays.
template <class T>
struct Made {
    struct Iterator {
        int at;
        T operator*() const { return T(at); }
        Iterator& operator++() {
            ++at;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    Iterator begin() const { return {1}; }
    Iterator end() const { return {4}; }
};

}  // namespace method_test

TEST_CASE("objects with virtual functions are prefetched by value where that is what they are",
          "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Dot::area, &Dot::id> of_dot{rig.cache};
    const auto dots = of_dot.prefetch(Made<Dot>{});
    REQUIRE(dots.size() == 3);
    CHECK(*dots[2] == 3);
    CHECK(*of_dot.prefetch({Dot{4}, Dot{5}})[1] == 5);
    CHECK(runs == 5);

    const CachedMethod<&Square::area, &Square::side> of_square{rig.cache};
    CHECK(*of_square.prefetch(Made<Square>{})[2] == 9);
    CHECK(*of_square.prefetch(std::vector<Square>{Square{3}})[0] == 9);
    CHECK(runs == 8);
}

// ---- what a chosen member may be

namespace method_test {

struct Inner {
    int number = 0;
    std::vector<std::string> words;
    std::optional<double> share;
};
struct Middle {
    Inner inner;
    std::unordered_map<std::string, std::unordered_set<int>> groups;
    Field<bool> flag;
};

struct Account {
    Key<int> id;
    Field<std::string> email;
    Key<std::string> tenant;
    Middle middle;
    std::map<std::string, std::unordered_map<int, std::unordered_set<std::string>>> deep;
    std::tuple<int, std::string> pair{1, "a"};
    std::array<std::byte, 2> bytes{std::byte{0x00}, std::byte{0xff}};
    std::chrono::sys_days born{std::chrono::days{10957}};
    std::chrono::duration<double> waits{1.5};
    std::chrono::minutes lasts = 5min;
    Unit unit = Unit::kilometre;
    float share = 0.1F;
    double exact = 0.1;

    int one() const {
        count_run();
        return 1;
    }
    int doubled_id() const { return *id * 2; }
    std::string domain() const& noexcept { return email->substr(email->find('@') + 1); }
    const std::string& mail() const { return *email; }
    double ratio() const { return std::sqrt(exact); }
};

struct Person {
    std::string name;
    int age = 0;
};
struct Employee : Person {
    int age = 0;  // not the one of Person

    int wage() const { return age; }
};

}  // namespace method_test

TEST_CASE("chosen members of every kind are part of the key", "[cached_method][key]") {
    const Account account{
        .id = 7,
        .email = "ada@home.net",
        .tenant = "north wing",
        .middle = {.inner = {.number = -3, .words = {"a", "b c"}, .share = 0.25},
                   .groups = {{"only", {1}}},
                   .flag = true},
    };
    constexpr auto key = [](const auto& method, const Account& of) { return method.key_for(of); };
    const auto name = CallOptions<int>{.name = "one"};

    CHECK(key(CachedMethod<&Account::one, &Account::id, &Account::email>{name}, account) ==
          R"(one@1/id=7,email="ada@home.net"())");
    CHECK(key(CachedMethod<&Account::one, &Account::middle>{name}, account) ==
          R"(one@1/middle={inner={number=-3,words=["a","b%20c"],share=?0.25},)"
          R"(groups={"only"={1}},flag=true}())");
    CHECK(key(CachedMethod<&Account::one, &Account::pair, &Account::bytes>{name}, account) ==
          R"(one@1/pair=(1,"a"),bytes=x"00ff"())");
    CHECK(key(CachedMethod<&Account::one, &Account::born, &Account::waits, &Account::lasts>{name},
              account) == "one@1/born=@10957d,waits=1.5s,lasts=5min()");
    CHECK(key(CachedMethod<&Account::one, &Account::unit, &Account::share, &Account::exact>{name},
              account) == "one@1/unit=1,share=0.1,exact=0.1()");
    CHECK(key(CachedMethod<&Account::one, &Account::doubled_id, &Account::domain>{name}, account) ==
          R"(one@1/doubled_id()=14,domain()="home.net"())");
    CHECK(key(CachedMethod<&Account::one, &Account::mail>{name}, account) ==
          R"(one@1/mail()="ada@home.net"())");
}

TEST_CASE("the order of an unordered container is no part of the key, at any depth",
          "[cached_method][key]") {
    Rig rig;
    const CachedMethod<&Account::one, &Account::middle, &Account::deep> one{rig.cache,
                                                                            {.name = "one"}};
    Account forwards{.id = 1};
    Account backwards{.id = 1};
    backwards.middle.groups.reserve(512);
    backwards.deep["x"].reserve(512);
    for (int i = 0; i < 20; ++i) {
        const int j = 19 - i;
        forwards.middle.groups["g" + std::to_string(i % 3)].insert(i);
        backwards.middle.groups["g" + std::to_string(j % 3)].insert(j);
        forwards.deep["x"][i % 4].insert("t" + std::to_string(i));
        backwards.deep["x"][j % 4].insert("t" + std::to_string(j));
    }
    CHECK(one.key_for(forwards) == one.key_for(backwards));
    CHECK(one(forwards) == 1);
    CHECK(one(backwards) == 1);
    CHECK(runs == 1);

    Account two{.id = 1};
    two.deep["x"][1] = {"b", "a"};
    two.deep["x"][0] = {"c"};
    CHECK(one.key_for(two) ==
          R"(one@1/middle={inner={number=0,words=[],share=null},groups={},flag=false},)"
          R"(deep={"x"={0={"c"},1={"a","b"}}}())");
}

TEST_CASE("members of a base are named after it", "[cached_method][key]") {
    const CachedMethod<&Employee::wage, &Employee::name, &Person::age, &Employee::age> wage;
    Employee employee;
    employee.name = "Eve";
    employee.age = 2;
    employee.Person::age = 1;
    CHECK(wage.key_for(employee) ==
          R"(method_test::Employee::wage()@1/method_test::Person::name="Eve",)"
          R"(method_test::Person::age=1,age=2())");
}

TEST_CASE("a key that was not set is named", "[cached_method][failure]") {
    Rig rig;
    const CachedMethod<&Account::one, &Account::email, &Account::tenant> one{rig.cache};
    const Account unset{.id = 1, .email = "x"};
    try {
        (void)one(unset);
        FAIL("it has a key");
    } catch (const IncompleteKey& error) {
        CHECK(error.model() == "method_test::Account::one()");
        CHECK(error.unset() == Strings{"tenant"});
        CHECK_THAT(error.what(), Contains("tenant"));
    }
    CHECK_THROWS_AS(one.peek(unset), IncompleteKey);
    CHECK_THROWS_AS(one.refresh(unset), IncompleteKey);
    CHECK_THROWS_AS(one.invalidate(unset), IncompleteKey);
    CHECK_THROWS_AS(one.key_for(unset), IncompleteKey);
    CHECK(runs == 0);
    CHECK(rig.log().trips() == 0);
    CHECK(one(Account{.id = 1, .email = "x", .tenant = ""}) == 1);
}

// ---- floating-point numbers

namespace method_test {

struct Reading {
    double value = 0;
    float narrow = 0;
    std::vector<double> samples;
    std::optional<std::chrono::duration<double>> since;
    std::map<int, Coordinates> places;

    double scaled(double factor, std::vector<float> offsets) const {
        count_run();
        return value * factor + static_cast<double>(offsets.size());
    }
};
using Scaled = CachedMethod<&Reading::scaled, &Reading::value, &Reading::narrow, &Reading::samples,
                            &Reading::since, &Reading::places>;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

}  // namespace method_test

TEST_CASE("floating-point numbers are keys by their shortest digits", "[cached_method][key]") {
    Rig rig;
    const Scaled scaled{rig.cache, {.name = "scaled"}};
    CHECK(scaled.key_for({.value = 0.1, .narrow = 0.1F, .samples = {1e100, -2.5}, .since = {1.5s}},
                         1.0 / 3, {0.5F}) ==
          "scaled@1/value=0.1,narrow=0.1,samples=[1e+100,-2.5],since=?1.5s,places={}"
          "(0.3333333333333333,[0.5])");
    CHECK(scaled.key_for({.value = infinite, .narrow = -std::numeric_limits<float>::infinity()},
                         -infinite, {}) ==
          "scaled@1/value=inf,narrow=-inf,samples=[],since=null,places={}(-inf,[])");
    CHECK(scaled.key_for({.places = {{1, {-0.0, 2}}}}, 0, {-0.0F}) ==
          "scaled@1/value=0,narrow=0,samples=[],since=null,places={1={latitude=0,longitude=2}}"
          "(0,[0])");

    CHECK(scaled({.value = 0.0}, 1, {}) == 0);
    CHECK(scaled({.value = -0.0}, 1, {}) == 0);
    CHECK(runs == 1);
    CHECK(scaled({.value = 0.30000000000000004}, 1, {}) == 0.30000000000000004);
    CHECK(scaled({.value = 0.3}, 1, {}) == 0.3);
    CHECK(runs == 3);
}

TEST_CASE("NaN is refused wherever it stands, and the error names the part",
          "[cached_method][failure]") {
    Rig rig;
    const Scaled scaled{rig.cache, {.name = "scaled"}};
    const std::chrono::duration<double> no_time{nan_value};
    const auto message = [&](const Reading& reading, double factor, std::vector<float> offsets) {
        try {
            (void)scaled(reading, factor, offsets);
        } catch (const InvalidKey& error) {
            return std::string{error.what()};
        }
        return "it has a key"s;
    };
    CHECK_THAT(message({.value = nan_value}, 1, {}),
               Contains("scaled: value: ") && Contains("NaN"));
    CHECK_THAT(message({.narrow = std::nanf("")}, 1, {}), Contains("scaled: narrow: "));
    CHECK_THAT(message({.samples = {1, nan_value}}, 1, {}), Contains("scaled: samples: "));
    CHECK_THAT(message({.since = no_time}, 1, {}), Contains("scaled: since: "));
    CHECK_THAT(message({.places = {{1, {0, nan_value}}}}, 1, {}), Contains("scaled: places: "));
    CHECK_THAT(message({}, nan_value, {}), Contains("scaled: argument 1: "));
    CHECK_THAT(message({}, 1, {1, std::nanf("")}), Contains("scaled: argument 2: "));

    const Reading nan{.value = nan_value};
    CHECK_THROWS_AS(scaled.key_for(nan, 1, {}), InvalidKey);
    CHECK_THROWS_AS(scaled.peek(nan, 1, {}), InvalidKey);
    CHECK_THROWS_AS(scaled.refresh(nan, 1, {}), InvalidKey);
    CHECK_THROWS_AS(scaled.invalidate(nan, 1, {}), InvalidKey);
    CHECK(std::isnan(scaled.bypass(nan, 1, {})));
    CHECK(runs == 1);
    CHECK(rig.log().trips() == 0);

    const CachedMethod<&Account::one, &Account::id, &Account::ratio> one;
    CHECK_THROWS_WITH(one(Account{.id = 1, .exact = -1}),
                      Contains("Account::one()") && Contains("ratio()"));
}

TEST_CASE("NaN and infinity are results like others", "[cached_method][result]") {
    Rig rig;
    const Scaled scaled{rig.cache};
    CHECK(std::isnan(scaled({.value = infinite}, 0, {})));
    CHECK(std::isnan(scaled({.value = infinite}, 0, {})));
    CHECK(scaled({.value = infinite}, -1, {}) == -infinite);
    CHECK(scaled({.value = infinite}, -1, {}) == -infinite);
    CHECK(std::signbit(scaled({.value = 0.0, .narrow = 1}, -1, {})) ==
          std::signbit(scaled({.value = 0.0, .narrow = 1}, -1, {})));
    CHECK(runs == 3);
}

// ---- long keys and secret ones

TEST_CASE("a long key is cut, and the whole of it is compared", "[cached_method][key]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.name = "geocode"}};
    const Home home{.address = std::string(1000, 'x')};
    const Home other{.address = std::string(1001, 'x')};
    const std::string key = geocode.key_for(home);
    CHECK(key.size() == 180);
    CHECK(key.starts_with("geocode@1/address=\"xxxxxxxxxx"));
    CHECK(key != geocode.key_for(other));
    CHECK(geocode(home).latitude == 1000);
    CHECK(geocode(home).latitude == 1000);
    CHECK(geocode(other).latitude == 1001);
    CHECK(runs == 2);

    // Another program's entry of an equal short key does not pass for this one.
    rig.scripted->plant(":1:" + geocode.key_for(other), *rig.scripted->stored(":1:" + key));
    const auto crossed = geocode.peek(other);
    CHECK(crossed.absent());
    CHECK(crossed.reason() == MissReason::other_key);
}

TEST_CASE("secret members and arguments appear nowhere", "[cached_method][secret]") {
    Rig rig;
    const Distance distance{rig.cache, {.name = "distance", .secret_keys = true}};
    const Home home{.address = "hidden-street", .floor = 4711};
    // The result is stored as it is: only keys are secret.
    const CachedMethod<&Home::neighbours, &Home::address> neighbours{
        rig.cache, {.name = "neighbours", .secret_keys = true}};
    CHECK(neighbours(home, 271828) == 2718280);
    CHECK(neighbours(home, 271828) == 2718280);
    CHECK(runs == 1);
    const std::string key = neighbours.key_for(home, 271828);
    CHECK(key == "neighbours@1/~c40204897204a14c9070ea2d9d2ecc8ca90fb262d4a6a2651fafb296fcf87d28");
    CHECK(key != neighbours.key_for(home, 271829));
    CHECK(key != neighbours.key_for({.address = "hidden-streeT"}, 271828));
    CHECK(rig.scripted->keys() == Strings{":1:" + key});
    const std::string bytes = rig.scripted->stored(":1:" + key).value();
    CHECK_THAT(bytes, !Contains("hidden") && !Contains("271828"));

    const auto absent = distance.peek(home, "secret-town", Unit::metre);
    try {
        (void)*absent;
        FAIL("it was found");
    } catch (const Missing& missing) {
        CHECK_THAT(missing.what(), !Contains("hidden") && !Contains("4711") && !Contains("secret"));
        CHECK(missing.key() == distance.key_for(home, "secret-town", Unit::metre));
    }
    during_run = [&] { (void)distance(home, "secret-town", Unit::metre); };
    CHECK_THROWS_AS(distance(home, "secret-town", Unit::metre), RecursiveLoad);
    CHECK_THROWS_WITH(distance(home, "secret-town", Unit::metre),
                      !Contains("hidden") && !Contains("4711") && !Contains("secret"));
}

TEST_CASE("a secret key of a polymorphic object shows its class only", "[cached_method][secret]") {
    const CachedMethod<&Figure::area, &Figure::colour> area{{.name = "area", .secret_keys = true}};
    Square square{1};
    square.colour = "invisible";
    const std::string key = area.key_for(square);
    CHECK(key.starts_with("area@1/<method_test::Square>~"));
    CHECK_THAT(key, !Contains("invisible"));
}

// ---- results

namespace method_test {

struct User {
    static constexpr ModelOptions cache_options{.expires = 1min};
    Key<int> id;
    Field<std::string> name;
    std::vector<Coordinates> places;
    Field<Unit> unit;
};

/// What only its converters can take apart; they lose the fraction.
class Price {
 public:
    Price() = default;
    explicit Price(double amount) : amount_(amount) {}
    double amount() const { return amount_; }
    bool operator==(const Price&) const = default;

 private:
    double amount_ = 0;
};
void to_json(nlohmann::json& document, const Price& price) {
    if (price.amount() < 0) throw std::runtime_error{"no price is negative"};
    document = static_cast<int>(price.amount());
}
void from_json(const nlohmann::json& document, Price& price) {
    const int amount = document.get<int>();
    if (amount == 13) throw std::runtime_error{"an unlucky price"};
    price = Price{static_cast<double>(amount)};
}

struct Portrait {
    std::vector<int> pixels;
    bool operator==(const Portrait&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
        int first = pixels.empty() ? 0 : pixels[0];
        archive(first);
        pixels = {first};
    }
};

struct Source {
    std::string name = "a name";

    template <class T>
    T given(T value) const {
        count_run();
        return value;
    }
    bool flag() const { return given(true); }
    bool no_flag() const { return given(false); }
    int number() const { return given(-5); }
    int thirteen(double) const { return given(13); }
    std::uint64_t large() const { return given(~std::uint64_t{0}); }
    double fraction() const { return given(0.1); }
    float narrow() const { return given(0.1F); }
    char letter() const { return given('x'); }
    Unit unit() const { return given(Unit::kilometre); }
    std::chrono::minutes duration() const { return given(90min); }
    std::chrono::duration<double> fine() const { return given(std::chrono::duration<double>{0.1}); }
    std::chrono::sys_days day() const { return given(std::chrono::sys_days{std::chrono::days{9}}); }
    std::optional<int> nothing() const { return given(std::optional<int>{}); }
    std::optional<int> something() const { return given(std::optional<int>{3}); }
    std::optional<Coordinates> place() const { return given(std::optional<Coordinates>{{1, 2}}); }
    std::string text() const { return given("with \0 and \xff"s); }
    std::string empty() const { return given(""s); }
    std::vector<std::string> words() const { return given(Strings{"a", "", "b"}); }
    std::vector<bool> flags() const { return given(std::vector<bool>{true, false}); }
    std::map<std::string, std::vector<int>> by_name() const {
        return given(std::map<std::string, std::vector<int>>{{"a", {1, 2}}, {"b", {}}});
    }
    std::unordered_map<int, Coordinates> by_number() const {
        return given(std::unordered_map<int, Coordinates>{{1, {1, 2}}});
    }
    std::set<int> numbers() const { return given(std::set<int>{1, 2}); }
    std::pair<int, std::string> pair() const { return given(std::pair{1, "one"s}); }
    std::variant<int, std::string> either() const {
        return given(std::variant<int, std::string>{"two"});
    }
    std::array<int, 3> three() const { return given(std::array{1, 2, 3}); }
    nlohmann::json document() const { return given(nlohmann::json{{"a", {1, nullptr, 0.5}}}); }
    Json<Coordinates> as_json() const;
    const std::string constant() const { return given("c"s); }
    const std::string& reference() const {
        count_run();
        return name;
    }
    const std::vector<int>& member() const noexcept {
        count_run();
        return numbers_;
    }
    Price price(double amount) const { return given(Price{amount}); }
    std::vector<Price> prices() const { return given(std::vector<Price>{Price{1.5}}); }
    Binary<Portrait> portrait() const { return given(Binary<Portrait>{Portrait{{4, 5}}}); }
    User user() const {
        return given(User{.id = 3, .name = "Ada", .places = {{1, 2}, {}}, .unit = Unit::kilometre});
    }

    std::vector<int> numbers_{7, 8};
};

void to_json(nlohmann::json& document, const Coordinates& coordinates) {
    document = {coordinates.latitude, coordinates.longitude};
}
void from_json(const nlohmann::json& document, Coordinates& coordinates) {
    coordinates = {document.at(0).get<double>(), document.at(1).get<double>()};
}
Json<Coordinates> Source::as_json() const { return given(Json<Coordinates>{Coordinates{1, 2}}); }

/// The first call and all later ones give `expected`, of its type, by whatever verb.
template <auto method, class Expected>
void gives(const Expected& expected) {
    Rig rig;
    const CachedMethod<method> call{rig.cache};
    const Source source;
    static_assert(std::same_as<decltype(call(source)), Expected>);
    static_assert(std::same_as<decltype(call.refresh(source)), Expected>);
    static_assert(std::same_as<decltype(call.bypass(source)), Expected>);
    static_assert(std::same_as<decltype(call.peek(source)), Lookup<Expected>>);
    static_assert(std::same_as<decltype(call.prefetch({source})), std::vector<Lookup<Expected>>>);
    INFO(call.key_for(source));
    CHECK((call(source) == expected));
    CHECK((call(source) == expected));
    CHECK((call(Source{}) == expected));
    CHECK(runs == 1);
    CHECK((*call.peek(source) == expected));
    CHECK((*call.prefetch({source, Source{}})[1] == expected));
    CHECK(runs == 1);
    CHECK((call.refresh(source) == expected));
    CHECK((call.bypass(source) == expected));
    CHECK(runs == 3);
    call.invalidate(source);
    CHECK((*call.prefetch({source})[0] == expected));
    CHECK(runs == 4);
    CHECK(call.statistics().store_failures == 0);
}

}  // namespace method_test

TEST_CASE("results of every kind are the same at the first call and at later ones",
          "[cached_method][result]") {
    gives<&Source::flag>(true);
    gives<&Source::no_flag>(false);
    gives<&Source::number>(-5);
    gives<&Source::large>(std::uint64_t{18446744073709551615U});
    gives<&Source::fraction>(0.1);
    gives<&Source::narrow>(0.1F);
    gives<&Source::letter>('x');
    gives<&Source::unit>(Unit::kilometre);
    gives<&Source::duration>(std::chrono::minutes{90});
    gives<&Source::fine>(std::chrono::duration<double>{0.1});
    gives<&Source::day>(std::chrono::sys_days{std::chrono::days{9}});
    gives<&Source::nothing>(std::optional<int>{});
    gives<&Source::something>(std::optional{3});
    gives<&Source::place>(std::optional{Coordinates{1, 2}});
    gives<&Source::text>("with \0 and \xff"s);
    gives<&Source::empty>(""s);
    gives<&Source::words>(Strings{"a", "", "b"});
    gives<&Source::flags>(std::vector<bool>{true, false});
    gives<&Source::by_name>(std::map<std::string, std::vector<int>>{{"a", {1, 2}}, {"b", {}}});
    gives<&Source::by_number>(std::unordered_map<int, Coordinates>{{1, {1, 2}}});
    gives<&Source::numbers>(std::set{1, 2});
    gives<&Source::pair>(std::pair{1, "one"s});
    gives<&Source::either>(std::variant<int, std::string>{"two"});
    gives<&Source::three>(std::array{1, 2, 3});
    gives<&Source::document>(nlohmann::json{{"a", {1, nullptr, 0.5}}});
    gives<&Source::as_json>(Json<Coordinates>{Coordinates{1, 2}});
    gives<&Source::constant>("c"s);
    gives<&Source::reference>("a name"s);
    gives<&Source::member>(std::vector{7, 8});
}

TEST_CASE("a model's plain struct is a result, its keys included", "[cached_method][result]") {
    Rig rig;
    const CachedMethod<&Source::user> user{rig.cache};
    for (int i = 0; i < 2; ++i) {
        const User given = user({});
        CHECK(given.id == 3);
        CHECK(given.id.is_set());
        CHECK(given.name == "Ada");
        CHECK(given.places == std::vector<Coordinates>{{1, 2}, {0, 0}});
        CHECK(given.unit == Unit::kilometre);
    }
    CHECK(runs == 1);
    // The model's own lifetime is that of its entries, not of results.
    rig.clock.advance(24h);
    CHECK(user({}).id == 3);
    CHECK(runs == 1);
}

TEST_CASE("what a converter loses is lost at the first call already", "[cached_method][result]") {
    Rig rig;
    const CachedMethod<&Source::price> price{rig.cache};
    CHECK(price({}, 1.75) == Price{1});
    CHECK(price({}, 1.75) == Price{1});
    CHECK(runs == 1);
    CHECK(price.refresh({}, 1.75) == Price{1});
    CHECK(*price.prefetch({Source{}}, 2.5)[0] == Price{2});
    CHECK(price({}, 2.5) == Price{2});
    CHECK(price.bypass({}, 1.75) == Price{1.75});

    const CachedMethod<&Source::prices> prices{rig.cache};
    CHECK(prices({}) == std::vector{Price{1}});
    CHECK(prices({}) == std::vector{Price{1}});

    const CachedMethod<&Source::portrait> portrait{rig.cache};
    CHECK(portrait({})->pixels == std::vector{4});
    CHECK(portrait({})->pixels == std::vector{4});
}

TEST_CASE("a result that a converter refuses is returned and counted, not stored",
          "[cached_method][failure]") {
    Rig rig;
    const CachedMethod<&Source::price> price{rig.cache};
    CHECK(price({}, -1.5) == Price{-1.5});
    CHECK(price({}, -1.5) == Price{-1.5});
    CHECK(runs == 2);
    CHECK(price.statistics().store_failures == 2);
    CHECK(rig.cache.statistics().store_failures == 2);
    CHECK(price.statistics().stores == 0);
    CHECK(rig.entries() == 0);
    CHECK(rig.log().trips() == rig.log().trips(testing::Verb::get));

    // What cannot be read back is not stored either.
    CHECK(price({}, 13.5) == Price{13.5});
    CHECK(price.statistics().store_failures == 3);
    CHECK(rig.entries() == 0);
    const auto prefetched = price.prefetch({Source{}}, 13.5);
    CHECK(*prefetched[0] == Price{13.5});
    CHECK(price.statistics().store_failures == 4);
    CHECK(price.statistics().loads == 4);
    CHECK(price.statistics().load_failures == 0);
}

// ---- lifetimes

namespace method_test {

/// Whose own lifetime is an hour.
template <auto method, auto... members>
struct HourlyMethod : CachedMethod<method, members...> {
    using Base = CachedMethod<method, members...>;
    using Options = CallOptions<typename Base::result_type>;

    explicit HourlyMethod(Cache cache, Options options = {.expires = 1h})
        : Base(std::move(cache), options) {}
};

}  // namespace method_test

TEST_CASE("results expire when the options say so", "[cached_method][lifetime]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.expires = 15min}};
    const Home home{.address = "A"};
    (void)geocode(home);
    rig.clock.advance(15min - 1ns);
    (void)geocode(home);
    CHECK(runs == 1);
    rig.clock.advance(1ns);
    CHECK(geocode.peek(home).absent());
    (void)geocode(home);
    CHECK(runs == 2);
    rig.clock.advance(15min - 1ns);
    (void)geocode(home);
    CHECK(runs == 2);
    (void)geocode.refresh(home);
    rig.clock.advance(15min - 1ns);
    (void)geocode(home);
    CHECK(runs == 3);
}

TEST_CASE("results do not expire by time unless the options say so", "[cached_method][lifetime]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    (void)geocode({.address = "A"});
    rig.clock.advance(24h * 365 * 50);
    (void)geocode({.address = "A"});
    CHECK(runs == 1);
    CHECK(rig.scripted->lifetime_left(":1:" + geocode.key_for({.address = "A"})) ==
          Lifetime{never});
}

TEST_CASE("a class derived from CachedMethod may set its own expiry", "[cached_method][lifetime]") {
    Rig rig;
    const HourlyMethod<&Home::geocode, &Home::address> hourly{rig.cache};
    const HourlyMethod<&Home::neighbours> shorter{rig.cache, {.expires = 1s}};
    (void)hourly({.address = "A"});
    (void)shorter({}, 1);
    rig.clock.advance(1h - 1ns);
    CHECK(hourly.peek({.address = "A"}).found());
    CHECK(shorter.peek({}, 1).absent());
    rig.clock.advance(1ns);
    CHECK(hourly.peek({.address = "A"}).absent());
}

TEST_CASE("a lifetime finer than the backend's is kept all the same", "[cached_method][lifetime]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Geocode geocode{rig.cache, {.expires = 1500ms}};
    (void)geocode({.address = "A"});
    rig.clock.advance(1499ms);
    CHECK(geocode.peek({.address = "A"}).found());
    rig.clock.advance(1ms);
    const auto over = geocode.peek({.address = "A"});
    CHECK(over.absent());
    CHECK(over.reason() == MissReason::expired);
    (void)geocode({.address = "A"});
    CHECK(runs == 2);
}

TEST_CASE("a lifetime that is over stores nothing", "[cached_method][lifetime]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.expires = 0s}};
    (void)geocode({.address = "A"});
    (void)geocode({.address = "A"});
    CHECK(runs == 2);
    CHECK(rig.entries() == 0);
    CHECK(geocode.statistics().stores == 0);
    CHECK(rig.cache.statistics().stores == 0);
}

// ---- the verbs

TEST_CASE("peek looks and runs nothing", "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "A"};
    const auto before = geocode.peek(home);
    CHECK(before.absent());
    CHECK(before.reason() == MissReason::nothing_stored);
    CHECK(runs == 0);
    CHECK(rig.entries() == 0);
    try {
        (void)*before;
        FAIL("it was found");
    } catch (const Missing& missing) {
        CHECK(missing.model() == "method_test::Home::geocode()");
        CHECK(missing.key() == "method_test::Home::geocode()@1/address=\"A\"()");
    }
    (void)geocode(home);
    const auto after = geocode.peek(home);
    REQUIRE(after.found());
    CHECK(after->latitude == 1);
    CHECK(runs == 1);
    CHECK(geocode.peek({.address = "B"}).absent());
}

TEST_CASE("refresh runs the method and stores over what was there", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Source::reference> name{rig.cache};
    Source source;
    CHECK(name(source) == "a name");
    source.name = "another";
    CHECK(name(source) == "a name");
    CHECK(name.refresh(source) == "another");
    CHECK(name(source) == "another");
    CHECK(runs == 2);
    source.name = "first";
    name.invalidate(source);
    CHECK(name.refresh(source) == "first");
    CHECK(*name.peek(source) == "first");
}

TEST_CASE("invalidate removes one result, and does not say whether there was one",
          "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    geocode.invalidate({.address = "A"});
    (void)geocode({.address = "A"});
    (void)geocode({.address = "B"});
    geocode.invalidate({.address = "A", .floor = 3});
    geocode.invalidate({.address = "A"});
    const auto removed = geocode.peek({.address = "A"});
    CHECK(removed.absent());
    CHECK(removed.reason() == MissReason::removed);
    CHECK(geocode.peek({.address = "B"}).found());
    (void)geocode({.address = "A"});
    CHECK(runs == 3);
    CHECK(geocode.peek({.address = "A"}).found());
    CHECK(geocode.statistics().removals == 3);
    CHECK(rig.cache.statistics().removals == 3);
}

TEST_CASE("what stands in the place of a removed result is gone after 35 s",
          "[cached_method][lifetime]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "A"};
    (void)geocode(home);
    geocode.invalidate(home);
    rig.clock.advance(35s - 1ns);
    CHECK(geocode.peek(home).reason() == MissReason::removed);
    rig.clock.advance(1ns);
    CHECK(geocode.peek(home).reason() == MissReason::nothing_stored);
    CHECK(rig.entries() == 0);
}

TEST_CASE("a removal that the cache has no room for removes all the same",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Geocode full{Cache{std::make_shared<support::FullBackend>(rig.scripted)}};
    const Home home{.address = "A"};
    (void)geocode(home);
    full.invalidate(home);
    CHECK(geocode.peek(home).reason() == MissReason::nothing_stored);
    full.invalidate(home);
    CHECK(full.statistics().removals == 2);
    CHECK(full.statistics().round_trips == 4);
    CHECK(full.cache().statistics().removals == 2);
    CHECK(full.cache().statistics().removal_failures == 0);
    CHECK(full.cache().statistics().round_trips == 4);
}

TEST_CASE("bypass runs the method and leaves the cache alone", "[cached_method]") {
    Rig rig;
    const CachedMethod<&Source::reference> name{rig.cache};
    Source source;
    CHECK(name.bypass(source) == "a name");
    CHECK(rig.log().trips() == 0);
    (void)name(source);
    source.name = "another";
    rig.log().reset();
    CHECK(name.bypass(source) == "another");
    CHECK(rig.log().trips() == 0);
    CHECK(name(source) == "a name");
}

TEST_CASE("key_for is the key under which the cache has the result", "[cached_method]") {
    Rig rig;
    const Cache cache = rig.cache.with_prefix("site").with_version(3);
    const Distance distance{cache};
    (void)distance({.address = "A", .floor = -1}, "B", Unit::metre);
    const std::string key = distance.key_for({.address = "A", .floor = -1}, "B", Unit::metre);
    CHECK(key ==
          "method_test::Home::distance(std::string,method_test::Unit)@1/"
          "address=\"A\",floor=-1(\"B\",0)");
    CHECK(rig.scripted->keys() == Strings{cache.final_key(key)});
    CHECK(rig.scripted->keys()[0] == "site:3:" + key);
    CHECK(rig.log().trips() == 2);
}

TEST_CASE("a view of the cache without results runs the method each time", "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Geocode around{rig.cache.bypass()};
    const Home home{.address = "A"};
    (void)geocode(home);
    rig.log().reset();
    CHECK(around(home).latitude == 1);
    CHECK(around.refresh(home).latitude == 1);
    CHECK(around.peek(home).absent());
    const auto prefetched = around.prefetch({home, home, Home{.address = "B"}});
    CHECK(prefetched[0].found());
    CHECK(prefetched[1].found());
    CHECK(prefetched[2].found());
    CHECK(runs == 5);
    CHECK(rig.log().trips() == 0);
    CHECK(around.statistics().loads == 4);
    CHECK(around.statistics().misses() == 0);
    CHECK(around.statistics().round_trips == 0);
    CHECK(geocode.peek(home).found());
    // Removals go through.
    around.invalidate(home);
    CHECK(geocode.peek(home).absent());
}

// ---- prefetch

namespace method_test {

/// Homes that can be read only once, one after the other.
class Reader {
 public:
    class Iterator {
     public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Home;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Home;

        explicit Iterator(std::istream* stream) : stream_(stream) { ++*this; }
        Home operator*() const { return {.address = word_}; }
        Iterator& operator++() {
            if (stream_ != nullptr && !(*stream_ >> word_)) stream_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(const Iterator& other) const { return stream_ == other.stream_; }

     private:
        std::istream* stream_;
        std::string word_;
    };

    explicit Reader(const std::string& text) : stream_(text) {}
    Iterator begin() { return Iterator{&stream_}; }
    Iterator end() { return Iterator{nullptr}; }

 private:
    std::istringstream stream_;
};

/// Passes on what another range has, and only where it is not const, as std::views::filter does.
template <class Range>
class Filtered {
 public:
    explicit Filtered(Range& range) : range_(range) {}
    auto begin() { return range_.begin(); }
    auto end() { return range_.end(); }

 private:
    Range& range_;
};

std::vector<double> latitudes(const std::vector<Lookup<Coordinates>>& lookups) {
    std::vector<double> values;
    for (const auto& lookup : lookups) values.push_back(lookup->latitude);
    return values;
}

}  // namespace method_test

TEST_CASE("prefetch reads once, runs for what is not there, and stores once",
          "[cached_method][prefetch]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.expires = 1min}};
    (void)geocode({.address = "bb"});
    rig.log().reset();
    const std::vector<Home> homes{{.address = "a"}, {.address = "bb"}, {.address = "ccc"}};
    CHECK(latitudes(geocode.prefetch(homes)) == std::vector<double>{1, 2, 3});
    CHECK(runs == 3);
    CHECK(rig.log().trips() == 2);
    CHECK(rig.log().trips(testing::Verb::get) == 1);
    CHECK(rig.log().trips(testing::Verb::add) == 1);
    CHECK(rig.log().keys_read().size() == 3);
    CHECK(rig.log().keys_set().size() == 2);
    CHECK(geocode.statistics().round_trips == 4);
    CHECK(geocode.statistics().hits == 1);
    CHECK(geocode.statistics().misses() == 3);
    CHECK(geocode.statistics().loads == 3);
    CHECK(geocode.statistics().stores == 3);

    rig.log().reset();
    CHECK(latitudes(geocode.prefetch(homes)) == std::vector<double>{1, 2, 3});
    CHECK(runs == 3);
    CHECK(rig.log().trips() == 1);
    CHECK(geocode({.address = "ccc"}).latitude == 3);
    CHECK(runs == 3);
    rig.clock.advance(1min);
    CHECK(geocode.peek({.address = "ccc"}).absent());
}

TEST_CASE("prefetch answers equal objects from one run", "[cached_method][prefetch]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const auto found = geocode.prefetch(
        {Home{.address = "a"}, Home{.address = "bb"}, Home{.address = "a", .floor = 2}});
    CHECK(latitudes(found) == std::vector<double>{1, 2, 1});
    CHECK(runs == 2);
    CHECK(rig.log().keys_read().size() == 2);
    CHECK(rig.log().trips() == 2);
}

TEST_CASE("prefetch takes any range", "[cached_method][prefetch]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const std::vector<double> expected{1, 2};

    const std::list<Home> list{{.address = "a"}, {.address = "bb"}};
    CHECK(latitudes(geocode.prefetch(list)) == expected);
    CHECK(latitudes(geocode.prefetch(std::list<Home>{list})) == expected);
    const Home in_array[]{{.address = "a"}, {.address = "bb"}};
    CHECK(latitudes(geocode.prefetch(in_array)) == expected);
    const std::array<Home, 2> array{in_array[0], in_array[1]};
    CHECK(latitudes(geocode.prefetch(array)) == expected);
    CHECK(latitudes(geocode.prefetch(std::span{array})) == expected);
    const std::initializer_list<Home> braces{in_array[0], in_array[1]};
    CHECK(latitudes(geocode.prefetch(braces)) == expected);
    CHECK(latitudes(geocode.prefetch({in_array[0], in_array[1]})) == expected);
    CHECK(latitudes(geocode.prefetch({{.address = "a"}, {.address = "bb"}})) == expected);

    CHECK(latitudes(geocode.prefetch(Reader{"a bb"})) == expected);
    Reader reader{"a bb"};
    CHECK(latitudes(geocode.prefetch(reader)) == expected);
    std::vector<Home> changeable{in_array[0], in_array[1]};
    CHECK(latitudes(geocode.prefetch(Filtered{changeable})) == expected);
    Filtered filtered{changeable};
    CHECK(latitudes(geocode.prefetch(filtered)) == expected);
    CHECK(runs == 2);
}

namespace method_test {

/// Made from its address alone.
struct Place {
    Place(std::string address_) : address(std::move(address_)) {}
    std::string address;

    std::size_t length() const {
        count_run();
        return address.size();
    }
};

}  // namespace method_test

TEST_CASE("prefetch takes what objects are made from", "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Place::length, &Place::address> length{rig.cache};
    const std::string long_one(100, 'x');
    const Strings addresses{"a", long_one, "a"};
    const auto found = length.prefetch(addresses);
    CHECK(*found[0] == 1);
    CHECK(*found[1] == 100);
    CHECK(*found[2] == 1);
    CHECK(runs == 2);
    CHECK(length(Place{long_one}) == 100);
    CHECK(runs == 2);
}

TEST_CASE("prefetch of nothing asks nothing", "[cached_method][prefetch]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    CHECK(geocode.prefetch(std::vector<Home>{}).empty());
    CHECK(geocode.prefetch(std::initializer_list<Home>{}).empty());
    CHECK(rig.log().trips() == 0);
}

TEST_CASE("prefetch gives all objects the same arguments", "[cached_method][prefetch]") {
    Rig rig;
    const Distance distance{rig.cache};
    const std::vector<Home> homes{{.address = "A"}, {.address = "B"}};
    const auto found = distance.prefetch(homes, "Rome", Unit::kilometre);
    CHECK(*found[0] == "A to Rome in km");
    CHECK(*found[1] == "B to Rome in km");
    CHECK(distance(homes[1], "Rome", Unit::kilometre) == "B to Rome in km");
    CHECK(runs == 2);
    CHECK(distance.prefetch(homes, "Rome", Unit::metre)[1].found());
    CHECK(runs == 4);

    const CachedMethod<&Dictionary::by_view> by_view{rig.cache};
    CHECK(*by_view.prefetch({Dictionary{}, Dictionary{}}, "text"s)[1] == "<text>");
    CHECK(runs == 5);
}

TEST_CASE("prefetch throws for no single object", "[cached_method][prefetch][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const auto found = geocode.prefetch({Home{.address = "a"}, Home{.address = "nowhere"},
                                         Home{.address = "bb"}, Home{.address = "nowhere"}});
    CHECK(found[0]->latitude == 1);
    CHECK(found[2]->latitude == 2);
    REQUIRE(found[1].failed());
    CHECK(found[1].failure().message() == "no such address");
    CHECK_FALSE(found[1].failure().fault().has_value());
    CHECK_THROWS_AS(*found[1], std::domain_error);
    CHECK_THROWS_AS(*found[3], std::domain_error);
    CHECK(runs == 3);
    CHECK(rig.entries() == 2);
    CHECK(geocode.statistics().load_failures == 1);
    CHECK(geocode.statistics().loads == 2);

    const Scaled scaled{rig.cache};
    const auto readings = scaled.prefetch(
        {Reading{.value = 1}, Reading{.value = nan_value}, Reading{.value = 2}}, 2, {});
    CHECK(*readings[0] == 2);
    CHECK(*readings[2] == 4);
    REQUIRE(readings[1].failed());
    CHECK_THAT(readings[1].failure().message(), Contains("value") && Contains("NaN"));
    CHECK_THROWS_AS(*readings[1], InvalidKey);

    const CachedMethod<&Account::one, &Account::id> one{rig.cache};
    const auto accounts = one.prefetch({Account{}, Account{.id = 1}});
    REQUIRE(accounts[0].failed());
    CHECK_THROWS_AS(*accounts[0], IncompleteKey);
    CHECK(accounts[1].found());

    during_run = [] { throw 42; };
    const auto odd = geocode.prefetch({Home{.address = "odd"}});
    REQUIRE(odd[0].failed());
    CHECK_THROWS_AS(*odd[0], int);
}

TEST_CASE("prefetch goes around a cache that cannot tell", "[cached_method][prefetch][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    (void)geocode({.address = "a"});
    rig.scripted->fail_keys("*address=\"a\"*");
    rig.log().reset();
    CHECK(latitudes(geocode.prefetch({Home{.address = "a"}, Home{.address = "bb"}})) ==
          std::vector<double>{1, 2});
    CHECK(runs == 3);
    CHECK(rig.log().keys_set() == Strings{":1:method_test::Home::geocode()@1/address=\"bb\"()"});
    CHECK(geocode.statistics().read_failures == 1);
    CHECK(rig.cache.statistics().read_failures == 1);

    rig.scripted->go_down();
    rig.log().reset();
    CHECK(latitudes(geocode.prefetch({Home{.address = "a"}, Home{.address = "bb"}})) ==
          std::vector<double>{1, 2});
    CHECK(rig.log().trips() == 1);
}

// ---- unless

TEST_CASE("results that unless says so of are not stored", "[cached_method][unless]") {
    Rig rig;
    const Geocode geocode{rig.cache,
                          {.unless = [](const Coordinates& place) { return place.latitude < 2; }}};
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(runs == 2);
    CHECK(geocode({.address = "bb"}).latitude == 2);
    CHECK(geocode({.address = "bb"}).latitude == 2);
    CHECK(runs == 3);
    CHECK(rig.entries() == 1);
    CHECK(geocode.statistics().kept_out == 2);
    CHECK(rig.cache.statistics().kept_out == 2);
    CHECK(geocode.statistics().stores == 1);
    CHECK(geocode.statistics().store_failures == 0);

    CHECK(latitudes(geocode.prefetch({Home{.address = "c"}, Home{.address = "ddd"}})) ==
          std::vector<double>{1, 3});
    CHECK(geocode.peek({.address = "c"}).absent());
    CHECK(geocode.peek({.address = "ddd"}).found());
    CHECK(geocode.statistics().kept_out == 3);
}

TEST_CASE("refresh with a result that is not to be stored removes the old one",
          "[cached_method][unless]") {
    Rig rig;
    const CachedMethod<&Source::reference> name{
        rig.cache, {.unless = [](const std::string& text) { return text == "secret"; }}};
    Source source;
    (void)name(source);
    CHECK(rig.entries() == 1);
    source.name = "secret";
    CHECK(name.refresh(source) == "secret");
    CHECK(name.peek(source).reason() == MissReason::removed);
    CHECK(name.statistics().removals == 1);
    CHECK(name.statistics().kept_out == 1);
}

TEST_CASE("what unless throws leaves the call, and nothing is stored",
          "[cached_method][unless][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.unless = [](const Coordinates&) -> bool {
                              throw std::logic_error{"cannot say"};
                          }}};
    CHECK_THROWS_AS(geocode({.address = "a"}), std::logic_error);
    CHECK_THROWS_AS(geocode.refresh({.address = "a"}), std::logic_error);
    const auto prefetched = geocode.prefetch({Home{.address = "a"}});
    REQUIRE(prefetched[0].failed());
    CHECK(prefetched[0].failure().message() == "cannot say");
    CHECK(rig.entries() == 0);
}

// ---- the method throws

TEST_CASE("what the method throws leaves the call, and nothing is stored",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    CHECK_THROWS_AS(geocode({.address = "nowhere"}), std::domain_error);
    CHECK_THROWS_WITH(geocode({.address = "nowhere"}), "no such address");
    CHECK(runs == 2);
    CHECK(rig.entries() == 0);
    CHECK(rig.log().trips() == rig.log().trips(testing::Verb::get));
    CHECK(geocode.statistics().load_failures == 2);
    CHECK(geocode.statistics().loads == 0);
    CHECK(geocode.statistics().stores == 0);
    CHECK(rig.cache.statistics().load_failures == 2);

    during_run = [] { throw 42; };
    CHECK_THROWS_AS(geocode({.address = "a"}), int);
    CHECK_THROWS_AS(geocode.refresh({.address = "a"}), int);
    CHECK_THROWS_AS(geocode.bypass({.address = "a"}), int);
    during_run = {};
    rig.clock.advance(1s);
    CHECK(geocode({.address = "a"}).latitude == 1);
}

TEST_CASE("a method that throws twice in a row is left alone for a while",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "a"};
    during_run = [] { throw std::domain_error{"run " + std::to_string(runs)}; };
    CHECK_THROWS_WITH(geocode(home), "run 1");
    CHECK_THROWS_WITH(geocode(home), "run 2");
    CHECK_THROWS_WITH(geocode(home), "run 2");
    CHECK(geocode.prefetch({home})[0].failure().message() == "run 2");
    CHECK(runs == 2);
    CHECK(geocode.statistics().backed_off == 2);
    CHECK(rig.cache.statistics().backed_off == 2);
    CHECK(geocode.statistics().load_failures == 2);
    // Who asks for a run gets one.
    CHECK_THROWS_WITH(geocode.refresh(home), "run 3");
    CHECK_THROWS_WITH(geocode.bypass(home), "run 4");
    // The third failure is followed by twice the time.
    rig.clock.advance(2s);
    CHECK_THROWS_WITH(geocode(home), "run 5");
    rig.clock.advance(4s);
    during_run = {};
    CHECK(geocode(home).latitude == 1);
    CHECK(runs == 6);

    const Geocode impatient{rig.cache, {.load_backoff = 0s, .name = "impatient"}};
    during_run = [] { throw std::domain_error{"no"}; };
    for (int i = 0; i < 4; ++i) CHECK_THROWS_AS(impatient(home), std::domain_error);
    CHECK(runs == 10);
}

TEST_CASE("a refresh whose method throws leaves the old result", "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    (void)geocode({.address = "a"});
    during_run = [] { throw std::runtime_error{"not now"}; };
    CHECK_THROWS_WITH(geocode.refresh({.address = "a"}), "not now");
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(runs == 2);
}

TEST_CASE("a Missing that the method throws is an exception like others",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    during_run = [] { throw Missing{}; };
    CHECK_THROWS_AS(geocode({.address = "a"}), Missing);
    const auto prefetched = geocode.prefetch({Home{.address = "a"}});
    CHECK(prefetched[0].failed());
    CHECK(geocode.statistics().source_misses == 0);
    CHECK(geocode.statistics().load_failures == 2);
}

// ---- statistics

TEST_CASE("a method counts its own calls, and its cache counts them too",
          "[cached_method][statistics]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Geocode copy = geocode;
    const Distance distance{rig.cache};
    (void)geocode({.address = "a"});
    (void)copy({.address = "a"});
    (void)distance({}, "b", Unit::metre);
    (void)distance.peek({}, "c", Unit::metre);
    geocode.invalidate({.address = "a"});

    const Statistics of_geocode = geocode.statistics();
    CHECK(of_geocode.round_trips == 4);
    CHECK(of_geocode.hits == 1);
    CHECK(of_geocode.misses() == 1);
    CHECK(of_geocode.misses(MissReason::nothing_stored) == 1);
    CHECK(of_geocode.loads == 1);
    CHECK(of_geocode.stores == 1);
    CHECK(of_geocode.removals == 1);
    CHECK(of_geocode.joined == 0);
    CHECK(copy.statistics().hits == 1);

    const Statistics of_distance = distance.statistics();
    CHECK(of_distance.round_trips == 3);
    CHECK(of_distance.hits == 0);
    CHECK(of_distance.misses() == 2);
    CHECK(of_distance.loads == 1);
    CHECK(of_distance.stores == 1);

    const Statistics of_cache = rig.cache.statistics();
    CHECK(of_cache.round_trips == 7);
    CHECK(of_cache.hits == 1);
    CHECK(of_cache.misses() == 3);
    CHECK(of_cache.loads == 2);
    CHECK(of_cache.stores == 2);
    CHECK(of_cache.removals == 1);
    CHECK(rig.log().trips() == 7);
}

// ---- other processes

TEST_CASE("a miss of a shared cache takes a lease, which the result replaces",
          "[cached_method][lease]") {
    LeasingRig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "a"};
    during_run = [&] {
        // Others see that it is being computed.
        CHECK(geocode.peek(home).reason() == MissReason::being_loaded);
        CHECK(rig.log().trips(testing::Verb::add) == 1);
        rig.log().reset();
    };
    CHECK(geocode(home).latitude == 1);
    CHECK(rig.log().trips() == 1);
    CHECK(rig.log().trips(testing::Verb::compare_and_set) == 1);
    during_run = {};
    CHECK(geocode.statistics().round_trips == 5);  // one of them to peek
    CHECK(geocode.statistics().stores == 1);
    CHECK(geocode.statistics().lease_waits == 0);
    CHECK(rig.entries() == 1);

    // The leases of many are taken in one trip.
    rig.log().reset();
    CHECK(latitudes(geocode.prefetch({home, Home{.address = "bb"}, Home{.address = "ccc"}})) ==
          std::vector<double>{1, 2, 3});
    CHECK(rig.log().trips() == 4);
    CHECK(rig.log().trips(testing::Verb::get) == 2);
    CHECK(rig.log().trips(testing::Verb::add) == 1);
    CHECK(rig.log().trips(testing::Verb::compare_and_set) == 1);
}

TEST_CASE("a lease without a result is given back", "[cached_method][lease][failure]") {
    LeasingRig rig;
    const Geocode geocode{rig.cache};
    CHECK_THROWS_AS(geocode({.address = "nowhere"}), std::domain_error);
    CHECK(geocode.peek({.address = "nowhere"}).reason() == MissReason::nothing_stored);
    rig.clock.advance(1s);
    CHECK(rig.entries() == 0);
}

TEST_CASE("a lease that the cache does not take is done without",
          "[cached_method][lease][failure]") {
    LeasingRig rig;
    const Geocode geocode{Cache{std::make_shared<support::FullBackend>(rig.recording)},
                          {.lease_wait = 24h}};
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(rig.log().trips() == 2);  // two reads; the stores do not come so far
    CHECK(geocode.statistics().round_trips == 4);
    CHECK(geocode.statistics().store_failures == 1);
    CHECK(geocode.statistics().lease_waits == 0);

    // Nor is anybody waited for where a lease is forgotten at once, and nothing stored: something
    // newer may have come and gone, too.
    const Geocode forgotten{rig.cache, {.lease_wait = 24h}};
    rig.scripted->before_each_call([&](testing::Verb) { rig.scripted->lose("*"); });
    CHECK(forgotten({.address = "bb"}).latitude == 2);
    CHECK(forgotten.statistics().round_trips == 3);
    CHECK(forgotten.statistics().lease_waits == 0);
}

TEST_CASE("nobody takes a lease for a result that is not to be stored",
          "[cached_method][lease][lifetime]") {
    LeasingRig rig;
    const Geocode geocode{rig.cache, {.expires = 0s}};
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(rig.log().trips() == 1);
    CHECK(rig.cache.statistics().stores == 0);
}

// ---- which cache

namespace method_test {

/// Made before any cache was configured.
const Geocode geocode_by_default;
const Geocode geocode_by_name{{.cache = "homes"}};

}  // namespace method_test

TEST_CASE("without a cache of its own a method uses the default one, whenever configured",
          "[cached_method][caches]") {
    Rig rig;
    const ScopedCaches scope;
    CHECK(geocode_by_default({.address = "a"}).latitude == 1);  // a memory cache of this process
    CHECK(geocode_by_default({.address = "a"}).latitude == 1);
    CHECK(runs == 1);
    caches().configure("default", rig.cache);
    CHECK(geocode_by_default.cache() == rig.cache);
    CHECK(geocode_by_default({.address = "a"}).latitude == 1);
    CHECK(runs == 2);
    CHECK(rig.entries() == 1);
    const Geocode later;
    CHECK(later({.address = "a"}).latitude == 1);
    CHECK(runs == 2);
}

TEST_CASE("a named cache is looked up at each call", "[cached_method][caches]") {
    Rig rig;
    const ScopedCaches scope;
    CHECK_THROWS_AS(geocode_by_name({.address = "a"}), ConfigError);
    CHECK_THROWS_WITH(geocode_by_name({.address = "a"}), Contains("homes"));
    CHECK_THROWS_AS(geocode_by_name.peek({.address = "a"}), ConfigError);
    CHECK_THROWS_AS(geocode_by_name.invalidate({.address = "a"}), ConfigError);
    CHECK_THROWS_AS(geocode_by_name.refresh({.address = "a"}), ConfigError);
    CHECK_THROWS_AS(geocode_by_name.prefetch({Home{.address = "a"}}), ConfigError);
    CHECK_THROWS_AS(geocode_by_name.cache(), ConfigError);
    CHECK(geocode_by_name.bypass({.address = "a"}).latitude == 1);
    CHECK(geocode_by_name.key_for({.address = "a"}) ==
          "method_test::Home::geocode()@1/address=\"a\"()");
    CHECK(runs == 1);

    caches().configure("homes", rig.cache);
    (void)geocode_by_name({.address = "a"});
    (void)geocode_by_name({.address = "a"});
    CHECK(runs == 2);
    CHECK(rig.entries() == 1);
    {
        const ScopedCaches inner;
        caches().configure("homes", "memory://");
        (void)geocode_by_name({.address = "a"});
        CHECK(runs == 3);
    }
    (void)geocode_by_name({.address = "a"});
    CHECK(runs == 3);
}

TEST_CASE("a given cache is used, whatever the options name", "[cached_method][caches]") {
    Rig rig;
    const ScopedCaches scope;
    const Geocode geocode{rig.cache, {.cache = "not configured"}};
    (void)geocode({.address = "a"});
    CHECK(rig.entries() == 1);
    CHECK(geocode.cache() == rig.cache);
    const Geocode elsewhere{rig.cache.with_prefix("other")};
    CHECK(elsewhere.peek({.address = "a"}).absent());
    CHECK(geocode.peek({.address = "a"}).found());
}

// ---- where a method may be declared

namespace method_test {

/// Its cached methods are members of it, about members that are private.
class City {
 public:
    City() = default;
    explicit City(std::string name, int rank = 0) : name_(std::move(name)), rank_(rank) {}

    std::size_t length_of_name() const {
        count_run();
        return name_.size();
    }
    /// A result of the class itself.
    City twin() const {
        count_run();
        return City{name_ + "'s twin", rank_ + 1};
    }
    struct Census {
        int people = 0;
        std::vector<Census> districts;
        bool operator==(const Census&) const = default;
    };
    Census census(int year) const {
        count_run();
        return {year, {{.people = 1}, {.people = 2}}};
    }

    const std::string& name() const { return name_; }
    int rank() const { return rank_; }

 private:
    std::string name_;
    int rank_ = 0;

    int secret_rank() const {
        count_run();
        return rank_ * 100;
    }

 public:
    static inline const CachedMethod<&City::length_of_name, &City::name_> length{
        {.expires = 15min}};
    static inline const CachedMethod<&City::twin, &City::name_, &City::rank_> cached_twin{
        {.cache = "cities"}};
    static const CachedMethod<&City::census, &City::name_> cached_census;
    static const CachedMethod<&City::secret_rank, &City::rank> cached_rank;
};

void to_json(nlohmann::json& document, const City& city) {
    document = {{"name", city.name()}, {"rank", city.rank()}};
}
void from_json(const nlohmann::json& document, City& city) {
    city = City{document.at("name").get<std::string>(), document.at("rank").get<int>()};
}

const CachedMethod<&City::census, &City::name_> City::cached_census{{.expires = 1h}};
const CachedMethod<&City::secret_rank, &City::rank> City::cached_rank;

/// A plain struct with its cached method in it, which gives a struct of the same type.
struct Node {
    int value = 0;
    std::vector<int> children;

    Node doubled() const {
        count_run();
        return {value * 2, children};
    }
    static inline const CachedMethod<&Node::doubled, &Node::value, &Node::children> cached_doubled;
};

}  // namespace method_test

TEST_CASE("a cached method may be a member of the class that it is about",
          "[cached_method][declaration]") {
    Rig rig;
    const ScopedCaches scope;
    caches().configure("default", rig.cache);
    caches().configure("cities", rig.cache);
    const City rome{"Rome", 2};
    CHECK(City::length(rome) == 4);
    CHECK(City::length(City{"Rome", 5}) == 4);
    CHECK(runs == 1);
    CHECK(City::length.key_for(rome) == "method_test::City::length_of_name()@1/name_=\"Rome\"()");

    for (int i = 0; i < 2; ++i) {
        const City twin = City::cached_twin(rome);
        CHECK(twin.name() == "Rome's twin");
        CHECK(twin.rank() == 3);
    }
    CHECK(runs == 2);
    CHECK(City::cached_twin.key_for(rome) ==
          "method_test::City::twin()@1/name_=\"Rome\",rank_=2()");

    const City::Census expected{2001, {{.people = 1}, {.people = 2}}};
    CHECK(City::cached_census(rome, 2001) == expected);
    CHECK(City::cached_census(rome, 2001) == expected);
    CHECK(runs == 3);
    CHECK(City::cached_census.key_for(rome, 2001) ==
          "method_test::City::census(int)@1/name_=\"Rome\"(2001)");

    CHECK(City::cached_rank(rome) == 200);
    CHECK(City::cached_rank(City{"Oslo", 2}) == 200);
    CHECK(runs == 4);
    CHECK(City::cached_rank.key_for(rome) == "method_test::City::secret_rank()@1/rank()=2()");

    CHECK(Node::cached_doubled(Node{.value = 2, .children = {1}}).value == 4);
    CHECK(Node::cached_doubled(Node{.value = 2, .children = {1}}).children == std::vector{1});
    CHECK(runs == 5);
}

// ---- the cache fails

TEST_CASE("a cache that cannot be read is gone around, and not written",
          "[cached_method][failure]") {
    Rig rig;
    const CachedMethod<&Source::reference> name{rig.cache};
    Source source;
    (void)name(source);
    source.name = "newer";
    rig.scripted->fail_next(1);
    rig.log().reset();
    CHECK(name(source) == "newer");
    CHECK(rig.log().trips() == 1);
    CHECK(name.statistics().read_failures == 1);
    CHECK(rig.cache.statistics().read_failures == 1);
    CHECK(name.statistics().misses() == 1);
    CHECK(name.statistics().stores == 1);
    CHECK(name(source) == "a name");

    rig.scripted->go_down();
    CHECK(name(source) == "newer");
    const auto lookup = name.peek(source);
    REQUIRE(lookup.failed());
    CHECK(lookup.failure().fault() == BackendFault::unavailable);
    CHECK_THROWS_AS(*lookup, BackendError);
    CHECK_THROWS_AS(name.invalidate(source), BackendError);
    CHECK(name.refresh(source) == "newer");
    CHECK(name.statistics().loads == 4);
}

TEST_CASE("a result that the cache does not take is returned and counted",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{Cache{std::make_shared<support::FullBackend>(rig.scripted)},
                          {.lease_wait = 0s}};
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(runs == 2);
    CHECK(geocode.statistics().store_failures == 2);
    CHECK(geocode.cache().statistics().store_failures == 2);
    CHECK(geocode.statistics().stores == 0);
    CHECK(geocode.statistics().loads == 2);
    CHECK(geocode.prefetch({Home{.address = "a"}, Home{.address = "b"}})[1].found());
    CHECK(geocode.statistics().store_failures == 4);
}

TEST_CASE("a result that is too large is returned and counted", "[cached_method][failure]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().largest_value = 200;
    const CachedMethod<&Dictionary::by_reference> echo{rig.cache, {.name = "echo"}};
    const CachedMethod<&Source::reference> name{rig.cache, {.name = "name"}};
    CHECK(echo({}, std::string(1000, 'x')).size() == 1002);
    CHECK(echo.statistics().store_failures == 1);
    CHECK(rig.entries() == 0);

    Source source;
    CHECK(name(source) == "a name");
    CHECK(rig.entries() == 1);
    source.name = std::string(300, 'y');
    CHECK(name.refresh(source).size() == 300);
    CHECK(name.peek(source).reason() == MissReason::removed);
    CHECK(name.statistics().store_failures == 1);
}

TEST_CASE("a backend that throws while storing does not fail the call",
          "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    rig.scripted->before_each_call([&](testing::Verb verb) {
        const bool replaces = verb == testing::Verb::compare_and_set;
        if (verb == testing::Verb::add || replaces) throw std::bad_alloc{};
    });
    CHECK(geocode({.address = "a"}).latitude == 1);
    CHECK(geocode.statistics().store_failures == 1);
    CHECK(rig.cache.statistics().store_failures == 1);
    CHECK(geocode.refresh({.address = "a"}).latitude == 1);
    CHECK(geocode.prefetch({Home{.address = "a"}})[0].found());
    CHECK(geocode.statistics().store_failures == 3);
    CHECK(rig.cache.statistics().store_failures == 3);
    CHECK(geocode.statistics().stores == 0);
    CHECK(geocode.peek({.address = "a"}).reason() == MissReason::removed);  // by the refresh
}

TEST_CASE("a refresh that cannot store removes the old result", "[cached_method][failure]") {
    Rig rig;
    Source source;
    const CachedMethod<&Source::reference> name{
        Cache{std::make_shared<support::FullBackend>(rig.scripted)}};
    const CachedMethod<&Source::reference> direct{Cache{rig.scripted}};
    (void)direct(source);
    source.name = "newer";
    CHECK(name.refresh(source) == "newer");
    CHECK(direct.peek(source).absent());
    CHECK(name.statistics().store_failures == 1);
    CHECK(name.statistics().removals == 1);

    const CachedMethod<&Source::price> price{rig.cache, {.name = "a price"}};
    (void)price({}, 1);
    CHECK(price.refresh({}, 1) == Price{1});
    CHECK(price.peek({}, 1).found());
}

TEST_CASE("entries that are no results are misses with a reason", "[cached_method][failure]") {
    Rig rig;
    const Geocode geocode{rig.cache, {.name = "geocode"}};
    const Home home{.address = "a"};
    const std::string key = ":1:geocode@1/address=\"a\"()";
    const auto reason = [&](std::string bytes) {
        rig.scripted->plant(key, std::move(bytes));
        const auto lookup = geocode.peek(home);
        return lookup.found() ? "found"sv : to_string(lookup.reason());
    };
    (void)geocode(home);
    const std::string sound = rig.scripted->stored(key).value();
    (void)geocode({.address = "b"});
    const std::string of_another = rig.scripted->stored(":1:geocode@1/address=\"b\"()").value();
    const CachedMethod<&Source::reference> text{rig.cache, {.name = "text"}};
    (void)text({});

    CHECK(reason(sound) == "found");
    CHECK(reason("") == "foreign");
    CHECK(reason("hello") == "foreign");
    CHECK(reason(sound.substr(0, sound.size() - 1)) == "corrupt");
    auto flipped = sound;
    flipped[flipped.size() - 9] = static_cast<char>(flipped[flipped.size() - 9] ^ 1);
    CHECK(reason(flipped) == "corrupt");
    auto later = sound;
    later[2] = 99;
    CHECK(reason(later) == "unknown format");
    CHECK(reason(of_another) == "other key");

    // The call itself computes anew and stores over it.
    runs = 0;
    rig.scripted->plant(key, "hello");
    CHECK(geocode(home).latitude == 1);
    CHECK(runs == 1);
    CHECK(rig.scripted->stored(key) == sound);
    const Statistics statistics = geocode.statistics();
    CHECK(statistics.misses(MissReason::foreign) == 3);
    CHECK(statistics.misses(MissReason::corrupt) == 2);
    CHECK(statistics.misses(MissReason::unknown_format) == 1);
    CHECK(statistics.misses(MissReason::other_key) == 1);
    CHECK(rig.cache.statistics().misses(MissReason::other_key) == 1);
}

TEST_CASE("a result of another type under the same name is a miss", "[cached_method][failure]") {
    Rig rig;
    const CachedMethod<&Source::number> number{rig.cache, {.name = "shared"}};
    const CachedMethod<&Source::words> words{rig.cache, {.name = "shared"}};
    CHECK(words({}) == Strings{"a", "", "b"});
    const auto lookup = number.peek({});
    CHECK(lookup.absent());
    CHECK(lookup.reason() == MissReason::undecodable);
    CHECK(number({}) == -5);
    CHECK(words({}) == Strings{"a", "", "b"});
    CHECK(runs == 3);

    // What a converter throws while reading is a miss as well.
    const CachedMethod<&Source::thirteen> thirteen{rig.cache, {.name = "fickle"}};
    const CachedMethod<&Source::price> price{rig.cache, {.name = "fickle"}};
    CHECK(thirteen({}, 2.5) == 13);
    const auto unlucky = price.peek({}, 2.5);
    CHECK(unlucky.absent());
    CHECK(unlucky.reason() == MissReason::undecodable);
    CHECK(price({}, 2.5) == Price{2});
    CHECK(thirteen({}, 2.5) == 2);
}

// ---- calls that reach themselves

namespace method_test {

struct Tree {
    int id = 0;
    int weight(int by) const;
};
std::function<int(const Tree&, int)> weigh;
int Tree::weight(int by) const {
    count_run();
    return weigh(*this, by);
}
using Weight = CachedMethod<&Tree::weight, &Tree::id>;

struct WeighAs {
    explicit WeighAs(std::function<int(const Tree&, int)> how) { weigh = std::move(how); }
    ~WeighAs() { weigh = {}; }
    WeighAs(const WeighAs&) = delete;
    WeighAs& operator=(const WeighAs&) = delete;
};

}  // namespace method_test

TEST_CASE("a call that reaches itself once computes without the cache",
          "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs once{
        [&](const Tree& tree, int by) { return runs == 1 ? weight(tree, by) + 1 : 10; }};
    CHECK(weight({.id = 1}, 2) == 11);
    CHECK(runs == 2);
    CHECK(weight({.id = 1}, 2) == 11);
    CHECK(runs == 2);
    CHECK(weight.statistics().loads == 2);
    CHECK(weight.statistics().stores == 1);
    CHECK(weight.statistics().joined == 0);
}

TEST_CASE("a call that reaches itself twice is an error", "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs endless{[&](const Tree& tree, int by) { return weight(tree, by); }};
    CHECK_THROWS_AS(weight({.id = 1}, 2), RecursiveLoad);
    CHECK(runs == 2);
    CHECK_THROWS_WITH(weight({.id = 1}, 2), Contains("method_test::Tree::weight(int)@1/id=1(2)"));
    CHECK(runs == 4);
    CHECK(rig.entries() == 0);
    CHECK_THROWS_AS(weight.refresh({.id = 1}, 2), RecursiveLoad);
    CHECK(runs == 6);
    const auto prefetched = weight.prefetch({Tree{.id = 1}}, 2);
    REQUIRE(prefetched[0].failed());
    CHECK_THROWS_AS(*prefetched[0], RecursiveLoad);
    CHECK(runs == 8);
    const WeighAs again{[](const Tree&, int by) { return by; }};
    CHECK(weight({.id = 1}, 2) == 2);
    CHECK(weight.peek({.id = 1}, 2).found());
}

TEST_CASE("a call that reaches itself twice is an error, though it forgets itself in between",
          "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs endless{[&](const Tree& tree, int by) {
        weight.invalidate(tree, by);
        return weight(tree, by);
    }};
    CHECK_THROWS_AS(weight({.id = 1}, 2), RecursiveLoad);
    CHECK(runs == 2);
    CHECK_THROWS_AS(weight.refresh({.id = 1}, 2), RecursiveLoad);
    CHECK(runs == 4);
    const WeighAs refreshing{[&](const Tree& tree, int by) {
        weight.invalidate(tree, by);
        return weight.refresh(tree, by);
    }};
    CHECK_THROWS_AS(weight({.id = 1}, 2), RecursiveLoad);
    CHECK(runs == 6);
}

TEST_CASE("a call may reach itself once more after it has come back",
          "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs twice_side_by_side{[&](const Tree& tree, int by) {
        return runs == 1 ? weight(tree, by) + weight(tree, by) : 10;
    }};
    CHECK(weight({.id = 1}, 2) == 20);
    CHECK(runs == 3);
}

TEST_CASE("calls with other arguments may be nested as deep as they like",
          "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs sum{[&](const Tree& tree, int by) {
        return by < 2 ? by : weight(tree, by - 1) + weight(tree, by - 2);
    }};
    CHECK(weight({.id = 1}, 30) == 832040);
    CHECK(runs == 31);
}

TEST_CASE("calls that reach each other end, too", "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    const Tree first{.id = 1};
    const Tree second{.id = 2};
    const WeighAs endless{
        [&](const Tree& tree, int by) { return weight(tree.id == 1 ? second : first, by); }};
    CHECK_THROWS_AS(weight(first, 0), RecursiveLoad);
    CHECK(runs == 4);
    CHECK(rig.entries() == 0);

    runs = 0;
    const WeighAs ends{[&](const Tree& tree, int by) {
        return runs == 3 ? 5 : weight(tree.id == 1 ? second : first, by) + 1;
    }};
    CHECK(weight(first, 0) == 7);
    CHECK(runs == 3);
    CHECK(*weight.peek(first, 0) == 7);
    CHECK(*weight.peek(second, 0) == 6);
}

TEST_CASE("a call may reach itself through refresh and prefetch", "[cached_method][recursion]") {
    Rig rig;
    const Weight weight{rig.cache};
    {
        const WeighAs by_refresh{[&](const Tree& tree, int by) {
            return runs == 1 ? weight.refresh(tree, by) + 1 : 10;
        }};
        CHECK(weight({.id = 1}, 0) == 11);
        CHECK(runs == 2);
        CHECK(weight.peek({.id = 1}, 0).absent());  // it has removed what older runs may store over
    }
    {
        const WeighAs endless{[&](const Tree& tree, int by) { return weight.refresh(tree, by); }};
        CHECK_THROWS_AS(weight({.id = 2}, 0), RecursiveLoad);
        CHECK_THROWS_AS(weight.refresh({.id = 2}, 0), RecursiveLoad);
    }
    runs = 0;
    {
        const WeighAs by_prefetch{[&](const Tree& tree, int by) {
            return runs == 1 ? *weight.prefetch({tree}, by)[0] + 1 : 10;
        }};
        CHECK(weight({.id = 3}, 0) == 11);
        CHECK(runs == 2);
        runs = 0;
        CHECK(*weight.prefetch({Tree{.id = 4}}, 0)[0] == 11);
        CHECK(runs == 2);
        CHECK(*weight.peek({.id = 4}, 0) == 11);
    }
    {
        const WeighAs endless{
            [&](const Tree& tree, int by) { return *weight.prefetch({tree}, by)[0]; }};
        CHECK_THROWS_AS(weight({.id = 5}, 0), RecursiveLoad);
    }
    CHECK(weight.peek({.id = 5}, 0).absent());
}

TEST_CASE("objects of one prefetch may need each other", "[cached_method][recursion][prefetch]") {
    Rig rig;
    const Weight weight{rig.cache};
    const WeighAs needs_other{[&](const Tree& tree, int by) {
        if (tree.id == 1) return weight({.id = 2}, by) + 1;
        if (tree.id == 3) return weight({.id = 1}, by) + 100;
        return 10;
    }};
    const auto found = weight.prefetch({Tree{.id = 1}, Tree{.id = 2}, Tree{.id = 3}}, 0);
    CHECK(*found[0] == 11);
    CHECK(*found[1] == 10);
    CHECK(*found[2] == 111);
    CHECK(runs == 3);
    CHECK(rig.entries() == 3);
}

namespace method_test {

struct Base {
    virtual ~Base() = default;
    virtual int answer() const { return 1; }
};
const CachedMethod<&Base::answer> cached_answer{{.name = "answer"}};
struct Overriding : Base {
    int answer() const override {
        count_run();
        return cached_answer(*this) + 1;
    }
};

}  // namespace method_test

TEST_CASE("an override cannot reach the method of its base through the cache",
          "[cached_method][recursion]") {
    Rig rig;
    const ScopedCaches scope;
    CHECK_THROWS_AS(cached_answer(Overriding{}), RecursiveLoad);
    CHECK(runs == 2);
    CHECK(cached_answer(Base{}) == 1);
    CHECK_THROWS_AS(cached_answer(Overriding{}), RecursiveLoad);
    CHECK(cached_answer(Base{}) == 1);
}

TEST_CASE("a method that invalidates itself while it runs is not stored", "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "a"};
    during_run = [&] { geocode.invalidate(home); };
    CHECK(geocode(home).latitude == 1);
    CHECK(geocode.peek(home).reason() == MissReason::removed);
    CHECK(geocode.refresh(home).latitude == 1);
    CHECK(geocode.peek(home).reason() == MissReason::removed);
    CHECK(geocode.prefetch({home})[0].found());
    CHECK(geocode.peek(home).reason() == MissReason::removed);
    CHECK(geocode.statistics().stores == 0);
    during_run = {};
    CHECK(geocode(home).latitude == 1);
    CHECK(geocode.peek(home).found());

    // Also if another object of the same prefetch does it.
    during_run = [&] {
        if (runs == 2) geocode.invalidate(Home{.address = "bb"});
    };
    runs = 0;
    CHECK(latitudes(geocode.prefetch({Home{.address = "bb"}, Home{.address = "ccc"}})) ==
          std::vector<double>{2, 3});
    CHECK(geocode.peek({.address = "bb"}).absent());
    CHECK(geocode.peek({.address = "ccc"}).found());
}

// ---- prefetch and time

TEST_CASE("a prefetch does not lengthen the life of what it computed first",
          "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Home::neighbours, &Home::floor> neighbours{rig.cache, {.expires = 5s}};
    const std::vector<Home> homes{{.floor = 1}, {.floor = 2}, {.floor = 3}};
    SECTION("by half of it") {
        during_run = [&] {
            if (runs == 2) rig.clock.advance(2s);
        };
        (void)neighbours.prefetch(homes, 7);
        rig.clock.advance(2999ms);
        CHECK(neighbours.peek(homes[0], 7).found());
        rig.clock.advance(1ms);
        CHECK(neighbours.peek(homes[0], 7).absent());
        CHECK(neighbours.peek(homes[1], 7).found());
    }
    SECTION("by more than all of it") {
        during_run = [&] {
            if (runs != 2) return;
            rig.clock.advance(20s);
            // What is held back is too old by now.
            CHECK(neighbours(homes[0], 7) == 70);
            CHECK(runs == 3);
        };
        const auto results = neighbours.prefetch(homes, 7);
        CHECK(*results[0] == 70);
        CHECK(runs == 4);
        rig.clock.advance(4s);
        CHECK(neighbours.peek(homes[1], 7).found());
        rig.clock.advance(1s);
        for (const auto& home : homes) CHECK(neighbours.peek(home, 7).absent());
    }
}

TEST_CASE("a prefetch stores what it has when the function takes long",
          "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Home::neighbours, &Home::floor> neighbours{rig.cache};
    const std::vector<Home> homes{{.floor = 1}, {.floor = 2}, {.floor = 3}, {.floor = 4}};
    std::size_t stored_before_last = 0;
    during_run = [&] {
        if (runs == 4) stored_before_last = rig.entries();
        rig.clock.advance(150ms);
    };
    (void)neighbours.prefetch(homes, 7);
    CHECK(stored_before_last == 3);
    CHECK(rig.entries() == 4);
}

TEST_CASE("a prefetch stores each result, however long all of them take together",
          "[cached_method][prefetch]") {
    Rig rig;
    const CachedMethod<&Home::neighbours, &Home::floor> neighbours{rig.cache};
    const std::vector<Home> homes{{.floor = 1}, {.floor = 2}, {.floor = 3}, {.floor = 4}};
    during_run = [&] { rig.clock.advance(20s); };
    (void)neighbours.prefetch(homes, 7);
    CHECK(neighbours.statistics().stores == 4);
    CHECK(neighbours.statistics().overtaken_loads == 0);
    CHECK(rig.entries() == 4);
}

TEST_CASE("a result that took longer than a removal is remembered is not stored",
          "[cached_method]") {
    Rig rig;
    const Geocode geocode{rig.cache};
    const Home home{.address = "a"};
    during_run = [&] { rig.clock.advance(30s + 1ns); };
    SECTION("by a call") {
        CHECK(geocode(home).latitude == 1);
        CHECK(geocode.peek(home).reason() == MissReason::nothing_stored);
        CHECK(geocode.statistics().overtaken_loads == 1);
    }
    SECTION("by a refresh, which removes the old one instead") {
        during_run = {};
        (void)geocode(home);
        during_run = [&] { rig.clock.advance(30s + 1ns); };
        CHECK(geocode.refresh(home).latitude == 1);
        CHECK(geocode.peek(home).reason() == MissReason::removed);
        CHECK(geocode.statistics().stores == 1);
        CHECK(geocode.statistics().removals == 1);
    }
}

TEST_CASE("a prefetch takes two round trips, whatever becomes of its calls",
          "[cached_method][prefetch][failure]") {
    Rig rig;
    const CachedMethod<&Home::neighbours, &Home::floor> neighbours{
        rig.cache, {.unless = [](const int& count) { return count == 0; }}};
    std::vector<Home> homes;
    for (int floor = 0; floor < 200; ++floor) homes.push_back({.floor = floor});
    during_run = [] {
        if (runs % 3 == 0) throw std::domain_error{"nobody at home"};
    };
    const auto results = neighbours.prefetch(homes, 7);
    CHECK(results[2].failed());
    CHECK(*results[3] == 70);
    CHECK(neighbours.statistics().round_trips == 2);
    CHECK(neighbours.statistics().misses() == 200);
}
