// cachemodel: cached functions: names, arguments, results, failures and many calls at once.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>

#include <cachemodel/caches.hpp>
#include <cachemodel/field.hpp>
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
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
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

namespace function_test {

using support::count_run;
using support::during_run;
using support::runs;
using Rig = support::CallRigWithoutLeases;

int slow_sum(int a, int b) {
    count_run();
    return a + b;
}
int square(int n) {
    count_run();
    if (n < 0) throw std::domain_error{"not negative ones"};
    return n * n;
}
std::size_t length(std::string_view text) {
    count_run();
    return text.size();
}
std::string joined(std::string_view text, const std::string& by, int times) {
    count_run();
    std::string result{text};
    for (int i = 1; i < times; ++i) result += by + std::string{text};
    return result;
}
int answer() {
    count_run();
    return 42;
}
double half(double n) {
    count_run();
    return n / 2;
}
bool negation(bool value) {
    count_run();
    return !value;
}

using Sum = CachedFunction<&slow_sum>;
using SquareOf = CachedFunction<&square>;

static_assert(std::same_as<Sum::result_type, int>);
static_assert(std::same_as<decltype(std::declval<const Sum&>()(1, 2)), int>);
static_assert(std::same_as<decltype(std::declval<const Sum&>().peek(1, 2)), Lookup<int>>);

}  // namespace function_test

using namespace function_test;

int function_without_namespace(int n) { return n + 1; }

// ---- which calls are equal

TEST_CASE("a function runs once for equal arguments", "[cached_function]") {
    Rig rig;
    const Sum sum{rig.cache};
    CHECK(sum(1, 2) == 3);
    CHECK(sum(1, 2) == 3);
    CHECK(runs == 1);
    CHECK(sum(2, 1) == 3);
    CHECK(sum(1, 3) == 4);
    CHECK(runs == 3);
    CHECK(rig.scripted->keys() == Strings{":1:function_test::slow_sum(int,int)@1/(1,2)",
                                          ":1:function_test::slow_sum(int,int)@1/(1,3)",
                                          ":1:function_test::slow_sum(int,int)@1/(2,1)"});
    const Sum another{rig.cache};
    CHECK(another(2, 1) == 3);
    CHECK(runs == 3);
}

TEST_CASE("arguments that the parameters of a function see as equal are one call",
          "[cached_function]") {
    Rig rig;
    const Sum sum{rig.cache};
    CHECK(sum(1, 2) == 3);
    CHECK(sum(1L, short{2}) == 3);
    CHECK(sum(true, '\2') == 3);
    CHECK(runs == 1);

    const CachedFunction<&length> length_of{rig.cache};
    CHECK(length_of("word") == 4);
    CHECK(length_of("word"s) == 4);
    CHECK(length_of("a word"sv.substr(2)) == 4);
    CHECK(runs == 2);

    const CachedFunction<&joined> join{rig.cache, {.name = "join"}};
    CHECK(join("a", "-", 3) == "a-a-a");
    CHECK(join("a"s, "-"s, 3U) == "a-a-a");
    CHECK(runs == 3);
    CHECK(join.key_for("a", "-", 3) == R"(join@1/("a","-",3))");

    const CachedFunction<&half> half_of{rig.cache, {.name = "half"}};
    CHECK(half_of(3) == 1.5);
    CHECK(half_of(3.0F) == 1.5);
    CHECK(runs == 4);
    CHECK(half_of.key_for(3) == "half@1/(3)");
}

TEST_CASE("a function without parameters has one result", "[cached_function]") {
    Rig rig;
    const CachedFunction<&answer> cached{rig.cache};
    CHECK(cached() == 42);
    CHECK(cached() == 42);
    CHECK(runs == 1);
    CHECK(cached.key_for() == "function_test::answer()@1/()");
    CHECK(cached.peek().found());
    CHECK(cached.refresh() == 42);
    cached.invalidate();
    CHECK(cached.bypass() == 42);
    CHECK(runs == 3);
}

namespace function_test {

enum class Colour : std::int16_t { red = -1, green = 1 };
struct Point {
    int x = 0;
    std::optional<double> y;
};
struct Wide {
    std::unordered_map<std::string, std::unordered_set<int>> sets;
    std::vector<std::map<int, Point>> maps;
};
/// Says itself what identifies it.
struct Account {
    explicit Account(int number_) : number(number_) {}
    int number;
    int balance = 0;
};
int to_cache_key(const Account& account) { return account.number; }

int of_many(bool, char, std::uint64_t, Colour, const Point&, std::variant<bool, int, std::string>,
            std::chrono::milliseconds, std::chrono::sys_days) {
    count_run();
    return 1;
}
int of_wide(const Wide& wide) {
    count_run();
    return static_cast<int>(wide.sets.size());
}
int of_account(Account account) {
    count_run();
    return account.balance;
}
int of_tuple(std::tuple<int, std::string> parts, std::array<float, 2> pair) {
    count_run();
    return std::get<0>(parts) + static_cast<int>(pair[0]);
}

}  // namespace function_test

TEST_CASE("arguments may have any type that a key may have", "[cached_function][key]") {
    Rig rig;
    using std::chrono::days;
    using std::chrono::sys_days;
    const CachedFunction<&of_many> many{rig.cache, {.name = "many"}};
    CHECK(many.key_for(true, 'a', ~std::uint64_t{0}, Colour::red, {.x = 3, .y = -0.5}, "1"s, 90s,
                       sys_days{days{1}}) ==
          R"(many@1/(true,97,18446744073709551615,-1,{x=3,y=?-0.5},<2>"1",90000ms,@1d))");
    CHECK(many.key_for(false, 'a', 1, Colour::green, {}, 1, 0ms, {}) ==
          "many@1/(false,97,1,1,{x=0,y=null},<1>1,0ms,@0d)");
    CHECK(many.key_for(false, 'a', 1, Colour::green, {}, true, 0ms, {}) ==
          "many@1/(false,97,1,1,{x=0,y=null},<0>true,0ms,@0d)");

    const CachedFunction<&of_tuple> tuple{rig.cache, {.name = "tuple"}};
    CHECK(tuple.key_for({1, "a"}, {0.1F, -0.0F}) == R"(tuple@1/((1,"a"),[0.1,0]))");
    CHECK(tuple({1, "a"}, {2, 3}) == 3);

    const CachedFunction<&of_account> account{rig.cache, {.name = "account"}};
    Account mine{7};
    mine.balance = 100;
    CHECK(account(mine) == 100);
    mine.balance = 200;
    CHECK(account(mine) == 100);
    CHECK(account.key_for(mine) == "account@1/(7)");
    CHECK(account(Account{8}) == 0);
}

TEST_CASE("the order of unordered arguments is no part of the key, at any depth",
          "[cached_function][key]") {
    Rig rig;
    const CachedFunction<&of_wide> of{rig.cache, {.name = "wide"}};
    Wide forwards;
    Wide backwards;
    backwards.sets.reserve(1000);
    for (int i = 0; i < 10; ++i) {
        forwards.sets[std::to_string(i % 3)].insert(i);
        backwards.sets[std::to_string((9 - i) % 3)].insert(9 - i);
    }
    CHECK(of(forwards) == 3);
    CHECK(of(backwards) == 3);
    CHECK(runs == 1);
    // The order of a sequence is.
    forwards.maps = {{{1, {}}}, {{2, {}}}};
    backwards.maps = {{{2, {}}}, {{1, {}}}};
    CHECK(of(forwards) == 3);
    CHECK(of(backwards) == 3);
    CHECK(runs == 3);
    CHECK(of.key_for({.sets = {{"b", {2, 1}}, {"a", {}}}, .maps = {{{1, {.y = 2}}}}}) ==
          R"(wide@1/({sets={"a"={},"b"={1,2}},maps=[{1={x=0,y=?2}}]}))");
}

TEST_CASE("NaN as an argument is refused, and the error names the argument",
          "[cached_function][failure]") {
    Rig rig;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const CachedFunction<&half> half_of{rig.cache};
    CHECK_THROWS_AS(half_of(nan), InvalidKey);
    CHECK_THROWS_WITH(half_of(nan),
                      Contains("function_test::half(double): argument 1: ") && Contains("NaN"));
    CHECK_THROWS_AS(half_of.peek(nan), InvalidKey);
    CHECK_THROWS_AS(half_of.refresh(nan), InvalidKey);
    CHECK_THROWS_AS(half_of.invalidate(nan), InvalidKey);
    CHECK_THROWS_AS(half_of.key_for(nan), InvalidKey);
    CHECK(runs == 0);
    CHECK(std::isnan(half_of.bypass(nan)));
    CHECK(half_of(std::numeric_limits<double>::infinity()) ==
          std::numeric_limits<double>::infinity());
    CHECK(half_of(0.0) == 0);
    CHECK(half_of(-0.0) == 0);
    CHECK(runs == 3);

    const CachedFunction<&of_tuple> tuple{rig.cache};
    CHECK_THROWS_WITH(tuple({}, {0, std::nanf("")}), Contains("argument 2: "));
    const CachedFunction<&of_many> many{rig.cache};
    CHECK_THROWS_WITH(many(true, 'a', 1, Colour::red, {.y = nan}, 1, 1ms, {}),
                      Contains("argument 5: "));
}

namespace function_test {

struct Fixed {
    const int number = 0;
    const std::string text;
    std::tuple<const bool, const std::optional<const int>> pair;
    std::array<const std::string, 2> words;
};
int of_fixed(const Fixed& fixed) {
    count_run();
    return fixed.number;
}

}  // namespace function_test

TEST_CASE("an argument may hold what cannot be changed", "[cached_function][key]") {
    Rig rig;
    const CachedFunction<&of_fixed> of{rig.cache, {.name = "fixed"}};
    const Fixed fixed{.number = 3, .text = "a", .pair = {true, 4}, .words = {"b", "c d"}};
    CHECK(of.key_for(fixed) ==
          R"(fixed@1/({number=3,text="a",pair=(true,?4),words=["b","c%20d"]}))");
    CHECK(of(fixed) == 3);
    CHECK(of(fixed) == 3);
    CHECK(runs == 1);
}

// ---- which functions are the same

namespace function_test {

namespace shop {
int price(int amount) { return amount; }
int price(long amount) { return static_cast<int>(amount) + 1; }
int price(const std::string&) { return 2; }
int price() noexcept { return 3; }
int price(int amount, std::string_view) { return amount + 4; }
template <class T>
int sized(T) {
    return static_cast<int>(sizeof(T));
}
template <int number>
int constant() {
    return number;
}
struct Till {
    static int open(int code) { return code + 10; }
    static int open(std::string) { return 11; }
    static int shut() noexcept { return 12; }
};
template <class Goods>
struct Shelf {
    static int size() { return static_cast<int>(sizeof(Goods)); }
};
}  // namespace shop
namespace other_shop {
int price(int amount) { return amount + 100; }
}  // namespace other_shop

}  // namespace function_test

TEST_CASE("overloads, templates and static member functions each have a name of their own",
          "[cached_function]") {
    const CachedFunction<static_cast<int (*)(int)>(&shop::price)> of_int;
    const CachedFunction<static_cast<int (*)(long)>(&shop::price)> of_long;
    const CachedFunction<static_cast<int (*)(const std::string&)>(&shop::price)> of_text;
    const CachedFunction<static_cast<int (*)() noexcept>(&shop::price)> of_nothing;
    const CachedFunction<static_cast<int (*)()>(&shop::price)> of_nothing_cast;
    const CachedFunction<static_cast<int (*)(int, std::string_view)>(&shop::price)> of_two;
    const CachedFunction<&other_shop::price> of_other;
    CHECK(of_int.key_for(1) == "function_test::shop::price(int)@1/(1)");
    CHECK(of_long.key_for(1) == "function_test::shop::price(long)@1/(1)");
    CHECK(of_text.key_for("1") == "function_test::shop::price(std::string%20const&)@1/(\"1\")");
    CHECK(of_nothing.key_for() == "function_test::shop::price()@1/()");
    CHECK(of_nothing_cast.key_for() == "function_test::shop::price()@1/()");
    CHECK(of_two.key_for(1, "a") ==
          "function_test::shop::price(int,std::basic_string_view<char,std::char_traits<char>>)@1/"
          "(1,\"a\")");
    CHECK(of_other.key_for(1) == "function_test::other_shop::price(int)@1/(1)");

    const CachedFunction<&shop::sized<int>> sized_int;
    const CachedFunction<&shop::sized<char>> sized_char;
    const CachedFunction<&shop::sized<std::string>> sized_text;
    const CachedFunction<&shop::constant<3>> three;
    const CachedFunction<&shop::constant<4>> four;
    CHECK(sized_int.key_for(1) == "int%20function_test::shop::sized<int>(int)@1/(1)");
    CHECK(sized_char.key_for('a') == "int%20function_test::shop::sized<char>(char)@1/(97)");
    CHECK(sized_text.key_for("a") ==
          "int%20function_test::shop::sized<std::string>(std::string)@1/(\"a\")");
    CHECK(three.key_for() == "int%20function_test::shop::constant<3>()@1/()");
    CHECK(four.key_for() == "int%20function_test::shop::constant<4>()@1/()");

    const CachedFunction<static_cast<int (*)(int)>(&shop::Till::open)> open_by_code;
    const CachedFunction<static_cast<int (*)(std::string)>(&shop::Till::open)> open_by_text;
    const CachedFunction<&shop::Till::shut> shut;
    const CachedFunction<&shop::Shelf<char>::size> shelf;
    CHECK(open_by_code.key_for(1) == "function_test::shop::Till::open(int)@1/(1)");
    CHECK(open_by_text.key_for("1") == "function_test::shop::Till::open(std::string)@1/(\"1\")");
    CHECK(shut.key_for() == "function_test::shop::Till::shut()@1/()");
    CHECK(shelf.key_for() == "function_test::shop::Shelf<char>::size()@1/()");

    const CachedFunction<&function_without_namespace> global;
    CHECK(global.key_for(1) == "function_without_namespace(int)@1/(1)");

    const ScopedCaches empty;
    for (int i = 0; i < 2; ++i) {
        CHECK(of_int(1) == 1);
        CHECK(of_long(1) == 2);
        CHECK(of_text("1") == 2);
        CHECK(of_nothing() == 3);
        CHECK(of_two(1, "a") == 5);
        CHECK(of_other(1) == 101);
        CHECK(sized_int(1) == sizeof(int));
        CHECK(sized_char(1) == 1);
        CHECK(sized_text("a") == sizeof(std::string));
        CHECK(three() == 3);
        CHECK(four() == 4);
        CHECK(open_by_code(1) == 11);
        CHECK(open_by_text("1") == 11);
        CHECK(shut() == 12);
        CHECK(shelf() == 1);
        CHECK(global(1) == 2);
    }
    CHECK(of_int.statistics().loads == 1);
    CHECK(of_int.statistics().hits == 1);
}

namespace function_test {

template <auto function>
int applied(int n) {
    return function(n);
}
template <auto& function>
int applied_by_reference(int n) {
    return function(n);
}
struct Multiple {
    int factor;
    int operator()(int n) const { return n * factor; }
};
struct Plus {
    int more;
    int operator()(int n) const& { return n + more; }
};
struct Minus {
    int less;
    int operator()(int n) const& noexcept { return n - less; }
};
template <auto function>
struct Applied {
    int operator()(int n) const { return function(n); }
};

}  // namespace function_test

TEST_CASE("overloads as arguments of a template do not make its functions share results",
          "[cached_function]") {
    Rig rig;
    constexpr auto of_int = static_cast<int (*)(int)>(&shop::price);
    constexpr auto of_long = static_cast<int (*)(long)>(&shop::price);
    const CachedFunction<&applied<of_int>> by_int{rig.cache};
    const CachedFunction<&applied<of_long>> by_long{rig.cache};
    CHECK(by_int(1) == 1);
    CHECK(by_long(1) == 2);
    CHECK(by_int.key_for(1) ==
          "int%20function_test::applied<&(function_test::shop::price(int))>(int)@1/(1)");
    const CachedFunction<&applied_by_reference<*of_int>> int_by_reference{rig.cache};
    const CachedFunction<&applied_by_reference<*of_long>> long_by_reference{rig.cache};
    CHECK(int_by_reference(1) == 1);
    CHECK(long_by_reference(1) == 2);
    const CachedFunction<Applied<of_int>{}> int_object{rig.cache};
    const CachedFunction<Applied<of_long>{}> long_object{rig.cache};
    CHECK(int_object(1) == 1);
    CHECK(long_object(1) == 2);
}

TEST_CASE("function objects are told apart by what they hold", "[cached_function]") {
    Rig rig;
    const CachedFunction<Multiple{3}> triple{rig.cache};
    const CachedFunction<Multiple{4}> quadruple{rig.cache};
    CHECK(triple(2) == 6);
    CHECK(quadruple(2) == 8);
    CHECK(triple.key_for(2) == "function_test::Multiple{3}(int)@1/(2)");
    CHECK(rig.entries() == 2);

    const CachedFunction<Plus{2}> plus{rig.cache};
    const CachedFunction<Minus{2}> minus{rig.cache};
    CHECK(plus(5) == 7);
    CHECK(minus(5) == 3);
    CHECK(plus.key_for(5) == "function_test::Plus{2}(int)@1/(5)");
}

namespace function_test {

constexpr auto cube = [](int n) {
    count_run();
    return n * n * n;
};
constexpr auto cube_noexcept = [](int n) noexcept {
    ++runs;
    return n * n * n;
};

}  // namespace function_test

TEST_CASE("a lambda needs a name, and works with one", "[cached_function][failure]") {
    Rig rig;
    const CachedFunction<cube> nameless{rig.cache};
    CHECK_THROWS_AS(nameless(2), ConfigError);
    CHECK_THROWS_WITH(nameless(2), Contains(".name"));
    CHECK_THROWS_AS(nameless.key_for(2), ConfigError);
    CHECK_THROWS_AS(nameless.prefetch({2}), ConfigError);
    CHECK(nameless.bypass(2) == 8);

    const CachedFunction<cube> named{rig.cache, {.name = "cube"}};
    CHECK(named(2) == 8);
    CHECK(named(2L) == 8);
    CHECK(runs == 2);
    CHECK(rig.scripted->keys() == Strings{":1:cube@1/(2)"});
    CHECK(*named.prefetch({2, 3})[1] == 27);

    const CachedFunction<cube_noexcept> other{rig.cache, {.name = "cube_noexcept"}};
    CHECK(other(2) == 8);
    const CachedFunction<[](int n) { return n + 1; }> in_place{rig.cache, {.name = "next"}};
    CHECK(in_place(1) == 2);
    CHECK(in_place(1) == 2);
    CHECK(in_place.statistics().hits == 1);
    CHECK(rig.entries() == 4);
}

TEST_CASE("functions of one given name share their entries", "[cached_function]") {
    Rig rig;
    const CachedFunction<&square> one{rig.cache, {.name = "power"}};
    const CachedFunction<cube> other{rig.cache, {.name = "power"}};
    CHECK(one(3) == 9);
    CHECK(other(3) == 9);
    CHECK(runs == 1);
    const CachedFunction<cube> next{rig.cache, {.name = "power", .version = 2}};
    CHECK(next(3) == 27);
}

// ---- results

namespace function_test {

struct Report {
    std::string title;
    std::map<std::string, std::vector<Point>> points;
    std::optional<Colour> colour;
};

const std::string& kept_text(int) {
    static const std::string text = "kept";
    count_run();
    return text;
}
std::optional<int> nothing(int) {
    count_run();
    return std::nullopt;
}
Report report(int n) {
    count_run();
    return {"title", {{"a", {{.x = n, .y = 0.5}, {}}}}, Colour::green};
}

}  // namespace function_test

TEST_CASE("results of functions are values, the same at every call", "[cached_function][result]") {
    Rig rig;
    const CachedFunction<&kept_text> text{rig.cache};
    static_assert(std::same_as<decltype(text(1)), std::string>);
    CHECK(text(1) == "kept");
    CHECK(text(1) == "kept");
    CHECK(runs == 1);

    const CachedFunction<&nothing> none{rig.cache};
    static_assert(std::same_as<decltype(none(1)), std::optional<int>>);
    CHECK(none(1) == std::nullopt);
    CHECK(none(1) == std::nullopt);
    CHECK(runs == 2);
    const auto peeked = none.peek(1);
    CHECK(peeked.found());
    CHECK(*peeked == std::nullopt);

    const CachedFunction<&report> report_of{rig.cache};
    for (int i = 0; i < 2; ++i) {
        const Report given = report_of(3);
        CHECK(given.title == "title");
        CHECK(given.points.at("a").size() == 2);
        CHECK(given.points.at("a")[0].x == 3);
        CHECK(given.points.at("a")[0].y == 0.5);
        CHECK(given.points.at("a")[1].y == std::nullopt);
        CHECK(given.colour == Colour::green);
    }
    CHECK(runs == 3);

    const CachedFunction<&negation> not_of{rig.cache};
    CHECK(not_of(true) == false);
    CHECK(not_of(true) == false);
    CHECK(not_of(false) == true);
    CHECK(not_of(false) == true);
    CHECK(runs == 5);
}

// ---- lifetimes, verbs, failures

namespace function_test {

/// Whose own lifetime is a minute.
template <auto function>
struct BriefFunction : CachedFunction<function> {
    explicit BriefFunction(Cache cache)
        : CachedFunction<function>(std::move(cache), {.expires = 1min}) {}
};

const CachedFunction<&square> cached_square{{.expires = 1h, .cache = "numbers"}};
inline const CachedFunction<&answer> cached_answer;

}  // namespace function_test

TEST_CASE("results of functions expire only where it is said", "[cached_function][lifetime]") {
    Rig rig;
    const SquareOf for_ever{rig.cache, {.name = "for ever"}};
    const SquareOf for_an_hour{rig.cache, {.expires = 1h}};
    const BriefFunction<&answer> for_a_minute{rig.cache};
    (void)for_ever(2);
    (void)for_an_hour(2);
    (void)for_a_minute();
    rig.clock.advance(1min - 1ns);
    CHECK(for_a_minute.peek().found());
    rig.clock.advance(1ns);
    CHECK(for_a_minute.peek().absent());
    CHECK(for_an_hour.peek(2).found());
    rig.clock.advance(59min);
    CHECK(for_an_hour.peek(2).absent());
    rig.clock.advance(24h * 365 * 20);
    CHECK(for_ever.peek(2).found());
}

TEST_CASE("a cached function may be a constant, on a cache that is configured later",
          "[cached_function][caches]") {
    Rig rig;
    const ScopedCaches scope;
    CHECK_THROWS_AS(cached_square(2), ConfigError);
    CHECK_THROWS_AS(cached_square.cache(), ConfigError);
    CHECK_THROWS_AS(cached_square.prefetch({1}), ConfigError);
    caches().configure("numbers", rig.cache);
    CHECK(cached_square(2) == 4);
    CHECK(cached_square(2) == 4);
    CHECK(runs == 1);
    CHECK(cached_square.cache() == rig.cache);
    rig.clock.advance(1h);
    CHECK(cached_square.peek(2).absent());

    CHECK(cached_answer() == 42);
    CHECK(cached_answer() == 42);
    CHECK(runs == 2);
    CHECK(caches()["default"].statistics().stores == 1);
}

TEST_CASE("peek, refresh, invalidate, bypass and key_for are about the call's own entry",
          "[cached_function]") {
    Rig rig;
    const CachedFunction<&joined> join{rig.cache, {.name = "join"}};
    CHECK(join.peek("a", "-", 2).absent());
    join.invalidate("a", "-", 2);
    CHECK(runs == 0);
    CHECK(join.refresh("a", "-", 2) == "a-a");
    CHECK(*join.peek("a"s, "-"s, 2) == "a-a");
    CHECK(join.peek("a", "-", 3).absent());
    CHECK(join("a", "-", 2) == "a-a");
    CHECK(runs == 1);
    CHECK(rig.scripted->keys() == Strings{":1:" + join.key_for("a", "-", 2)});
    CHECK(join.bypass("a", "-", 2) == "a-a");
    CHECK(runs == 2);
    join.invalidate("a", "-", 2);
    CHECK(join.peek("a", "-", 2).reason() == MissReason::removed);

    // The old one is replaced.
    int number = 1;
    static int* source = nullptr;
    source = &number;
    const CachedFunction<[](int n) { return n + *source; }> plus{rig.cache, {.name = "plus"}};
    CHECK(plus(1) == 2);
    number = 5;
    CHECK(plus(1) == 2);
    CHECK(plus.bypass(1) == 6);
    CHECK(plus(1) == 2);
    CHECK(plus.refresh(1) == 6);
    CHECK(plus(1) == 6);
}

TEST_CASE("a function that throws has no result", "[cached_function][failure]") {
    Rig rig;
    const SquareOf square_of{rig.cache};
    CHECK_THROWS_AS(square_of(-1), std::domain_error);
    CHECK_THROWS_WITH(square_of(-1), "not negative ones");
    CHECK_THROWS_AS(square_of.refresh(-1), std::domain_error);
    CHECK_THROWS_AS(square_of.bypass(-1), std::domain_error);
    CHECK(runs == 4);
    CHECK(rig.entries() == 0);
    CHECK(square_of.statistics().load_failures == 3);
    CHECK(square_of.statistics().loads == 0);
    CHECK(square_of(3) == 9);
    CHECK(square_of.statistics().loads == 1);
}

TEST_CASE("results of functions may be kept out, and failures of the cache fail no call",
          "[cached_function][failure]") {
    Rig rig;
    const SquareOf even_only{rig.cache, {.unless = [](const int& n) { return n % 2 != 0; }}};
    CHECK(even_only(3) == 9);
    CHECK(even_only(3) == 9);
    CHECK(even_only(4) == 16);
    CHECK(even_only(4) == 16);
    CHECK(runs == 3);
    CHECK(even_only.statistics().kept_out == 2);
    CHECK(even_only.statistics().stores == 1);

    rig.scripted->fail_next(1);
    CHECK(even_only(4) == 16);
    CHECK(runs == 4);
    CHECK(even_only.statistics().read_failures == 1);
    CHECK(even_only.statistics().stores == 1);

    const SquareOf unstored{Cache{std::make_shared<support::FullBackend>(rig.scripted)},
                            {.name = "unstored"}};
    CHECK(unstored(5) == 25);
    CHECK(unstored(5) == 25);
    CHECK(unstored.statistics().store_failures == 2);
    CHECK(unstored.statistics().loads == 2);

    const SquareOf around{rig.cache.bypass()};
    CHECK(around(4) == 16);
    CHECK(around.peek(4).absent());
    CHECK(around.statistics().round_trips == 0);
}

TEST_CASE("what another program stored is a miss with a reason", "[cached_function][failure]") {
    Rig rig;
    const SquareOf square_of{rig.cache, {.name = "square"}};
    rig.scripted->plant(":1:square@1/(2)", "4");
    const auto lookup = square_of.peek(2);
    CHECK(lookup.absent());
    CHECK(lookup.reason() == MissReason::foreign);
    CHECK(square_of(2) == 4);
    CHECK(runs == 1);
    CHECK(square_of(2) == 4);
    CHECK(runs == 1);
    CHECK(square_of.statistics().misses(MissReason::foreign) == 2);
}

TEST_CASE("secret arguments appear nowhere", "[cached_function][secret]") {
    Rig rig;
    const CachedFunction<&length> length_of{rig.cache, {.name = "length", .secret_keys = true}};
    CHECK(length_of("hidden-token") == 12);
    CHECK(length_of("hidden-token") == 12);
    CHECK(runs == 1);
    const std::string key = length_of.key_for("hidden-token");
    CHECK(key == "length@1/~96be7b68cb4e1b1da3351e859fd7a689cb97fef9efddf91a151cd16c20da3862");
    CHECK_THAT(rig.scripted->stored(":1:" + key).value(), !Contains("hidden"));
    during_run = [&] { (void)length_of("hidden-other"); };
    CHECK_THROWS_WITH(length_of("hidden-other"), !Contains("hidden"));
    CHECK_THROWS_WITH(*length_of.peek("hidden-other"), !Contains("hidden"));
    CHECK(*length_of.prefetch({"hidden-token"})[0] == 12);
}

// ---- prefetch

namespace function_test {

/// Words that can be read only once, one after the other.
class Words {
 public:
    explicit Words(const std::string& text) : stream_(text) {}
    std::istream_iterator<std::string> begin() {
        return std::istream_iterator<std::string>{stream_};
    }
    std::istream_iterator<std::string> end() { return {}; }

 private:
    std::istringstream stream_;
};

template <class T>
std::vector<T> values(const std::vector<Lookup<T>>& lookups) {
    std::vector<T> all;
    for (const auto& lookup : lookups) all.push_back(*lookup);
    return all;
}

}  // namespace function_test

TEST_CASE("prefetch of a function with one parameter takes arguments",
          "[cached_function][prefetch]") {
    Rig rig;
    const SquareOf square_of{rig.cache};
    (void)square_of(2);
    rig.log().reset();
    CHECK(values(square_of.prefetch({1, 2, 3, 1})) == std::vector{1, 4, 9, 1});
    CHECK(runs == 3);
    CHECK(rig.log().trips(testing::Verb::get) == 1);
    CHECK(rig.log().trips(testing::Verb::add) == 1);
    CHECK(rig.log().trips() == 2);
    CHECK(rig.log().keys_read().size() == 3);
    CHECK(rig.log().keys_set().size() == 2);
    CHECK(square_of.statistics().round_trips == 4);

    rig.log().reset();
    const std::vector<int> vector{1, 2, 3};
    const std::list<long> list{1, 2, 3};
    const int in_array[]{1, 2, 3};
    const std::array<short, 3> array{1, 2, 3};
    const std::set<int> set{3, 2, 1};
    const std::vector<int> expected{1, 4, 9};
    CHECK(values(square_of.prefetch(vector)) == expected);
    CHECK(values(square_of.prefetch(list)) == expected);
    CHECK(values(square_of.prefetch(in_array)) == expected);
    CHECK(values(square_of.prefetch(array)) == expected);
    CHECK(values(square_of.prefetch(set)) == expected);
    CHECK(values(square_of.prefetch(std::vector{1, 2, 3})) == expected);
    CHECK(values(square_of.prefetch(std::vector<std::tuple<int>>{1, 2, 3})) == expected);
    std::istringstream digits{"1 2 3"};
    struct {
        std::istream_iterator<int> begin() const { return first; }
        std::istream_iterator<int> end() const { return {}; }
        std::istream_iterator<int> first;
    } const read_once{std::istream_iterator<int>{digits}};
    CHECK(values(square_of.prefetch(read_once)) == expected);
    CHECK(runs == 3);
    CHECK(rig.log().trips() == 8);

    const CachedFunction<&negation> not_of{rig.cache};
    CHECK(values(not_of.prefetch(std::vector<bool>{true, false, true})) ==
          std::vector<bool>{false, true, false});
    CHECK(runs == 5);
}

TEST_CASE("prefetch of a function with several parameters takes tuples",
          "[cached_function][prefetch]") {
    Rig rig;
    const Sum sum{rig.cache};
    CHECK(values(sum.prefetch({{1, 2}, {3, 4}, {1, 2}})) == std::vector{3, 7, 3});
    CHECK(runs == 2);
    CHECK(values(sum.prefetch(std::vector<std::tuple<int, int>>{{1, 2}, {3, 4}})) ==
          std::vector{3, 7});
    CHECK(values(sum.prefetch(std::map<int, int>{{1, 2}, {3, 4}})) == std::vector{3, 7});
    CHECK(runs == 2);
    CHECK(sum(3, 4) == 7);
    CHECK(runs == 2);

    const CachedFunction<&answer> forty_two{rig.cache};
    CHECK(values(forty_two.prefetch(std::vector<std::tuple<>>(2))) == std::vector{42, 42});
    CHECK(runs == 3);
}

TEST_CASE("prefetch keeps the texts of what it reads only once", "[cached_function][prefetch]") {
    Rig rig;
    const CachedFunction<&length> length_of{rig.cache};
    const std::vector<std::size_t> expected{1, 30, 2};
    const std::string thirty(30, 'x');
    CHECK(values(length_of.prefetch(Words{"a " + thirty + " cc"})) == expected);
    CHECK(values(length_of.prefetch(Strings{"a", thirty, "cc"})) == expected);
    CHECK(values(length_of.prefetch(std::vector<std::string_view>{"a", thirty, "cc"})) == expected);
    CHECK(values(length_of.prefetch(std::vector<const char*>{"a", thirty.c_str(), "cc"})) ==
          expected);
    CHECK(values(length_of.prefetch({"a", "cc"})) == std::vector<std::size_t>{1, 2});
    CHECK(values(length_of.prefetch({"a"sv, "cc"sv})) == std::vector<std::size_t>{1, 2});
    CHECK(values(length_of.prefetch({"a"s, thirty + thirty})) == std::vector<std::size_t>{1, 60});
    CHECK(runs == 4);

    const CachedFunction<&joined> join{rig.cache};
    CHECK(values(join.prefetch({{"a", "-", 2}, {"b"sv, "+"s, 3}})) == Strings{"a-a", "b+b+b"});
    using Call = std::tuple<std::string_view, std::string, int>;
    CHECK(values(join.prefetch(std::list<Call>{{"a", "-", 2}, {"b", "+", 3}})) ==
          Strings{"a-a", "b+b+b"});
    CHECK(runs == 6);
}

namespace function_test {

struct Label {
    std::string_view text;
    std::optional<int> number;
};
std::size_t size_of(std::optional<std::string_view> text) {
    count_run();
    return text ? text->size() : 0;
}
std::size_t sizes_of(const std::vector<Label>& labels, const std::string& more) {
    count_run();
    std::size_t size = more.size();
    for (const auto& label : labels) size += label.text.size();
    return size;
}

/// Can be moved, but not copied.
struct Ticket {
    explicit Ticket(int number_) : number(number_) {}
    Ticket(Ticket&&) = default;
    int number;
};
int to_cache_key(const Ticket& ticket) { return ticket.number; }
int number_of(const Ticket& ticket) {
    count_run();
    return ticket.number;
}

namespace greedy {
/// Made from anything, tuples included.
struct Anything {
    Anything() = default;
    template <class T>
    Anything(const T&) {}
    Anything(int number_) : number(number_) {}
    int number = -1;
};
int to_cache_key(const Anything& anything) { return anything.number; }
}  // namespace greedy
using greedy::Anything;
int number_in(const Anything& anything) {
    count_run();
    return anything.number;
}
int total(const std::vector<int>& numbers) {
    count_run();
    int sum = 0;
    for (const int number : numbers) sum += number;
    return sum;
}
std::int64_t seconds_in(std::chrono::seconds time) {
    count_run();
    return time.count();
}

}  // namespace function_test

TEST_CASE("prefetch takes views inside of arguments as they stand in a container",
          "[cached_function][prefetch]") {
    Rig rig;
    using Text = std::optional<std::string_view>;
    const CachedFunction<&size_of> size{rig.cache};
    const std::string thirty(30, 'x');
    const std::list<Text> texts{"a", std::nullopt, thirty};
    CHECK(values(size.prefetch(texts)) == std::vector<std::size_t>{1, 0, 30});
    const std::vector<std::tuple<Text>> tuples{Text{thirty}, Text{}};
    CHECK(values(size.prefetch(tuples)) == std::vector<std::size_t>{30, 0});
    CHECK(values(size.prefetch({Text{thirty + "y"}, Text{}})) == std::vector<std::size_t>{31, 0});
    CHECK(runs == 4);

    const CachedFunction<&sizes_of> sizes{rig.cache};
    using Call = std::tuple<std::vector<Label>, std::string>;
    const Call call{{{thirty, 1}, {"ab", {}}}, "c"};
    CHECK(values(sizes.prefetch(std::list{call, Call{}})) == std::vector<std::size_t>{33, 0});
    CHECK(values(sizes.prefetch({Call{}, call})) == std::vector<std::size_t>{0, 33});
    CHECK(runs == 6);
}

TEST_CASE("prefetch leaves arguments that are no copies where they are",
          "[cached_function][prefetch]") {
    Rig rig;
    const CachedFunction<&number_of> number{rig.cache};
    std::vector<Ticket> tickets;
    tickets.emplace_back(7);
    tickets.emplace_back(8);
    CHECK(values(number.prefetch(tickets)) == std::vector{7, 8});
    CHECK(number(Ticket{8}) == 8);
    CHECK(runs == 2);
}

TEST_CASE("prefetch converts arguments as the call does", "[cached_function][prefetch]") {
    Rig rig;
    const CachedFunction<&number_in> number{rig.cache};
    CHECK(values(number.prefetch(std::vector<Anything>{7, 8})) == std::vector{7, 8});
    CHECK(values(number.prefetch(std::vector<std::tuple<Anything>>{{7}, {9}})) ==
          std::vector{7, 9});
    CHECK(values(number.prefetch(std::vector{7, 9})) == std::vector{7, 9});
    CHECK(runs == 3);

    const CachedFunction<&total> total_of{rig.cache};
    CHECK(values(total_of.prefetch(std::list<std::vector<int>>{{2}, {3, 4}})) == std::vector{2, 7});
    CHECK(values(total_of.prefetch({std::vector{2}, std::vector{3, 4}})) == std::vector{2, 7});
    CHECK(runs == 5);

    const CachedFunction<&seconds_in> seconds{rig.cache};
    CHECK(values(seconds.prefetch(std::vector{1min, 2min})) == std::vector<std::int64_t>{60, 120});
    CHECK(seconds(60s) == 60);
    CHECK(runs == 7);
}

TEST_CASE("prefetch of no calls asks nothing", "[cached_function][prefetch]") {
    Rig rig;
    const SquareOf square_of{rig.cache};
    CHECK(square_of.prefetch(std::vector<int>{}).empty());
    CHECK(rig.log().trips() == 0);
}

TEST_CASE("prefetch throws for no single call", "[cached_function][prefetch][failure]") {
    Rig rig;
    const SquareOf square_of{rig.cache};
    const auto found = square_of.prefetch({2, -1, 3});
    CHECK(*found[0] == 4);
    REQUIRE(found[1].failed());
    CHECK(found[1].failure().message() == "not negative ones");
    CHECK_THROWS_AS(*found[1], std::domain_error);
    CHECK(*found[2] == 9);
    CHECK(rig.entries() == 2);

    const CachedFunction<&half> half_of{rig.cache};
    const auto halves = half_of.prefetch({1.0, std::numeric_limits<double>::quiet_NaN(), 3.0});
    CHECK(*halves[0] == 0.5);
    REQUIRE(halves[1].failed());
    CHECK_THROWS_AS(*halves[1], InvalidKey);
    CHECK_THAT(halves[1].failure().message(), Contains("argument 1"));
    CHECK(*halves[2] == 1.5);
}

TEST_CASE("prefetch goes around a cache that finds nothing or cannot tell",
          "[cached_function][prefetch][failure]") {
    Rig rig;
    const SquareOf around{rig.cache.bypass()};
    CHECK(values(around.prefetch({1, 2})) == std::vector{1, 4});
    CHECK(rig.log().trips() == 0);
    CHECK(runs == 2);

    const SquareOf square_of{rig.cache};
    rig.scripted->go_down();
    CHECK(values(square_of.prefetch({1, 2})) == std::vector{1, 4});
    CHECK(rig.log().trips() == 1);
    CHECK(square_of.statistics().read_failures == 2);
    CHECK(square_of.statistics().stores == 0);
    CHECK(square_of.statistics().loads == 2);

    rig.scripted->come_back();
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == testing::Verb::add) rig.scripted->fail_next(1);
    });
    CHECK(values(square_of.prefetch({1, 2})) == std::vector{1, 4});
    CHECK(square_of.statistics().store_failures == 2);
    CHECK(rig.entries() == 0);
}

// ---- calls that reach themselves

namespace function_test {

std::function<std::uint64_t(int)> recurse;
std::uint64_t recursive(int n) {
    ++runs;
    return recurse(n);
}
std::uint64_t other_recursive(int n) {
    ++runs;
    return recurse(n + 100);
}

}  // namespace function_test

TEST_CASE("a recursive function may use its own cache", "[cached_function][recursion]") {
    Rig rig;
    const CachedFunction<&recursive> fibonacci{rig.cache};
    recurse = [&](int n) -> std::uint64_t {
        return n < 2 ? static_cast<std::uint64_t>(n) : fibonacci(n - 1) + fibonacci(n - 2);
    };
    CHECK(fibonacci(80) == 23416728348467685);
    CHECK(runs == 81);
    CHECK(fibonacci(80) == 23416728348467685);
    CHECK(runs == 81);
    recurse = {};
}

TEST_CASE("what a prefetch has still to compute is computed once, also if it is needed before",
          "[cached_function][recursion][prefetch]") {
    Rig rig;
    const CachedFunction<&recursive> fibonacci{rig.cache};
    const std::vector<int> downwards{20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10,
                                     9,  8,  7,  6,  5,  4,  3,  2,  1,  0};
    SECTION("by a call of the same") {
        recurse = [&](int n) -> std::uint64_t {
            return n < 2 ? static_cast<std::uint64_t>(n) : fibonacci(n - 1) + fibonacci(n - 2);
        };
        CHECK(*fibonacci.prefetch(downwards)[0] == 6765);
        CHECK(runs == 21);
        CHECK(fibonacci.statistics().loads == 21);
        CHECK(fibonacci.statistics().stores == 21);
        CHECK(*fibonacci.peek(20) == 6765);
        CHECK(*fibonacci.peek(1) == 1);
    }
    SECTION("by a prefetch of the same") {
        recurse = [&](int n) -> std::uint64_t {
            if (n < 2) return static_cast<std::uint64_t>(n);
            const auto both = fibonacci.prefetch({n - 1, n - 2});
            return *both[0] + *both[1];
        };
        CHECK(*fibonacci.prefetch(downwards)[0] == 6765);
        CHECK(runs == 21);
    }
    SECTION("and fails once") {
        recurse = [&](int n) -> std::uint64_t {
            if (n == 0) throw std::domain_error{"no zero"};
            return fibonacci(n - 1);
        };
        const auto found = fibonacci.prefetch({2, 1, 0});
        for (const auto& each : found) CHECK(each.failure().message() == "no zero");
        CHECK(runs == 3);
        CHECK(fibonacci.statistics().load_failures == 3);
        CHECK(rig.entries() == 0);
    }
    SECTION("and is an error where it needs what needs it") {
        recurse = [&](int n) { return fibonacci(1 - n); };
        const auto found = fibonacci.prefetch({0, 1});
        CHECK_THROWS_AS(*found[0], RecursiveLoad);
        CHECK_THROWS_AS(*found[1], RecursiveLoad);
        CHECK(rig.entries() == 0);
    }
    recurse = {};
}

TEST_CASE("a function that needs its own result is an error", "[cached_function][recursion]") {
    Rig rig;
    const CachedFunction<&recursive> itself{rig.cache, {.name = "itself"}};
    const CachedFunction<&other_recursive> other{rig.cache, {.name = "other"}};
    recurse = [&](int n) { return itself(n); };
    CHECK_THROWS_AS(itself(1), RecursiveLoad);
    CHECK(runs == 2);
    CHECK_THROWS_WITH(itself(1), Contains("itself@1/(1)"));

    runs = 0;
    recurse = [&](int n) { return n < 100 ? other(n) : itself(n - 100); };
    CHECK_THROWS_AS(itself(1), RecursiveLoad);
    CHECK(runs == 4);
    CHECK_THROWS_AS(other(1), RecursiveLoad);
    const auto prefetched = itself.prefetch({1, 2});
    CHECK(prefetched[0].failed());
    CHECK_THROWS_AS(*prefetched[1], RecursiveLoad);
    CHECK(rig.entries() == 0);

    runs = 0;
    recurse = [&](int n) { return runs == 1 ? itself(n) + 1 : 5U; };
    CHECK(itself(1) == 6);
    CHECK(itself(1) == 6);
    CHECK(runs == 2);
    recurse = {};
}

TEST_CASE("a function may invalidate or refresh its own result while it runs",
          "[cached_function]") {
    Rig rig;
    const SquareOf square_of{rig.cache};
    during_run = [&] { square_of.invalidate(3); };
    CHECK(square_of(3) == 9);
    CHECK(square_of.peek(3).absent());
    during_run = [&] {
        if (runs == 2) CHECK(square_of.refresh(3) == 9);
    };
    CHECK(square_of(3) == 9);
    CHECK(runs == 3);
    // In another process an older run may go on, so it is removed at once, for the outer run, too.
    CHECK(square_of.peek(3).absent());
    // Another call's result is refreshed for good.
    during_run = [&] {
        if (runs == 4) CHECK(square_of.refresh(3) == 9);
    };
    CHECK(square_of(4) == 16);
    CHECK(square_of.peek(3).found());
    CHECK(square_of.peek(4).found());
    CHECK(square_of.statistics().stores == 2);
}

namespace function_test {

struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<int> visits;
};
int visits_of(const Session& session) { return session.visits; }
int doubled(const Key<int>& number) { return 2 * number; }

}  // namespace function_test

TEST_CASE("a model with secret keys as an argument makes the whole key secret",
          "[cached_function][failure]") {
    Rig rig;
    const CachedFunction<&visits_of> visits{rig.cache};
    const Session session{.token = "hunter2", .visits = 3};
    CHECK(visits(session) == 3);
    CHECK_THAT(visits.key_for(session), !Contains("hunter2"));
    CHECK_THAT(visits.key_for(session), Contains("visits_of") && Contains("~"));
    CHECK(visits.key_for(session) != visits.key_for({.token = "hunter3", .visits = 3}));
}

TEST_CASE("an argument that is a Key counts by its value, and must be set",
          "[cached_function][failure]") {
    Rig rig;
    const CachedFunction<&doubled> twice{rig.cache};
    CHECK(twice(4) == 8);
    CHECK_THAT(twice.key_for(4), Contains("@1/(4)"));
    try {
        (void)twice(Key<int>{});
        FAIL("an unset Key was taken");
    } catch (const IncompleteKey& error) {
        CHECK(error.unset() == Strings{"argument 1"});
    }
}

namespace function_test {

// Mangled, the names of these parameters and functions look like marks of other things.
enum class Mode : std::uint8_t { slow };
enum class Side : std::uint8_t { left };
int of_mode(Mode) { return 1; }
int of_sides(const std::vector<Side>& sides) { return static_cast<int>(sides.size()); }
int f4(Side) { return 1; }
int getURL_Zone(int n) { return n; }
int loadL_Zone(int n) { return n; }

}  // namespace function_test

TEST_CASE("names that look like something else when they are mangled are names",
          "[cached_function]") {
    CHECK(CachedFunction<&of_mode>{}.key_for({}) ==
          "function_test::of_mode(function_test::Mode)@1/(0)");
    CHECK(CachedFunction<&of_sides>{}.key_for({Side::left}) ==
          "function_test::of_sides(std::vector<function_test::Side,std::allocator<function_test::"
          "Side>>%20const&)@1/([0])");
    CHECK(CachedFunction<&f4>{}.key_for({}) == "function_test::f4(function_test::Side)@1/(0)");
    CHECK(CachedFunction<&getURL_Zone>{}.key_for(1) == "function_test::getURL_Zone(int)@1/(1)");
    CHECK(CachedFunction<&loadL_Zone>{}.key_for(1) == "function_test::loadL_Zone(int)@1/(1)");
}

namespace function_test {

struct OlderAnswer {
    int amount = 0;
};
struct Answer {
    int amount = 0;
    int fee = 0;
};
OlderAnswer older_answer_of(int n) { return {n}; }
Answer answer_of(int n) {
    count_run();
    return {n, 30};
}

}  // namespace function_test

TEST_CASE("a result that gained a member is computed anew", "[cached_function][failure]") {
    Rig rig;
    const CachedFunction<&older_answer_of> older{rig.cache, {.name = "answer"}};
    const CachedFunction<&answer_of> newer{rig.cache, {.name = "answer"}};
    (void)older(3);
    CHECK(newer(3).fee == 30);
    CHECK(newer.statistics().misses(MissReason::member_absent) == 1);
    CHECK(newer(3).fee == 30);
    CHECK(runs == 1);
    CHECK(older(3).amount == 3);  // what it does not know is skipped
    CHECK(older.statistics().loads == 1);
}
