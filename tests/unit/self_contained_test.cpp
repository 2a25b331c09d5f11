// cachemodel: which values are all of themselves, so that a copy needs nothing else.
// SPDX-License-Identifier: MIT
#include <cachemodel/binary.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/reference.hpp>
#include <cachemodel/self_contained.hpp>

#include "support/catch.hpp"

#include <any>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;

/// Has a constructor, so nobody sees from outside what its members are.
class Area {
 public:
    Area(int width, int height) : width_(width), height_(height) {}
    int size() const { return width_ * height_; }

 private:
    int width_;
    int height_;
};
template <>
inline constexpr bool cachemodel::declared_self_contained<Area> = true;

namespace self_contained_test {

enum class Unit { km, miles };
template <class T>
struct With {
    int before = 0;
    T member;
    int after = 0;
};
struct Tree {
    std::string name;
    std::vector<Tree> branches;
};
struct Person {
    Key<int> id;
    Field<std::optional<std::string>> name = {"Ada"};
    Binary<std::vector<double>> figures;
    Json<nlohmann::json> rest;
};
struct Friend {
    Key<int> id;
    Reference<Person> person;
};
struct Constant {
    const std::string address;
    const int floor = 0;
};
struct Order {
    bool operator()(int a, int b) const { return a > b; }
};
struct OrderBy {
    const int* ranks;
    bool operator()(int a, int b) const { return ranks[a] > ranks[b]; }
};
struct Pointers {
    int* begin;
    int* end;
};
inline int global = 0;
struct Constants {
    int number = 0;
    const int& other = global;
};
struct Variables {
    int number = 0;
    int& other = global;
};
struct Assigned {
    const int& other = global;
    int number = 0;
    Assigned& operator=(const Assigned&) { return *this; }
};
struct Temporaries {
    int number = 0;
    int&& other = static_cast<int&&>(global);
};
union Either {
    int number;
    const char* text;
};
struct Unnamed {
    int kind = 0;
    union {
        int number;
        const char* text;
    };
};
struct Bits {
    int kind = 0;
    unsigned low : 3 = 0;
    unsigned high : 5 = 0;
};
struct CArray {
    char text[8];
};
struct Derived : With<int> {};
class Closed {
 public:
    explicit Closed(int number) : number_(number) {}
    int number() const { return number_; }

 private:
    int number_;
};
class Greedy {
 public:
    Greedy() = default;
    template <class T>
    requires std::convertible_to<T, std::string> Greedy(T&& text) : text_(&text) {}
    const void* text() const { return text_; }

 private:
    const void* text_ = nullptr;
};
struct Shape {
    virtual ~Shape() = default;
};
struct Square final : Shape {};
/// Can only be moved.
struct Ticket {
    explicit Ticket(int number_) : number(number_) {}
    Ticket(Ticket&&) = default;
    int number;
};
struct Handle {
    int number;
};
struct Incomplete;
template <class T>
struct Owned : std::vector<T> {
    T* last = nullptr;
};

}  // namespace self_contained_test

template <>
inline constexpr bool cachemodel::declared_self_contained<self_contained_test::Handle> = false;
template <>
inline constexpr bool cachemodel::declared_self_contained<self_contained_test::Shape> = true;
template <>
inline constexpr bool cachemodel::declared_self_contained<self_contained_test::Ticket> = true;
template <>
inline constexpr bool cachemodel::declared_self_contained<self_contained_test::Square> = true;
template <>
inline constexpr bool cachemodel::declared_self_contained<self_contained_test::Bits> = true;

using namespace self_contained_test;

namespace {

/// Whether a `T` is self-contained; if so, what holds one is, too.
template <class T>
constexpr bool is_whole = SelfContained<T>&& SelfContained<With<T>>&& SelfContained<With<With<T>>>&&
    SelfContained<std::vector<T>>&& SelfContained<std::pair<const std::string, T>>;

/// Whether neither a `T` is, nor what holds one.
template <class T>
constexpr bool refers =
    !SelfContained<T> && !SelfContained<With<T>> && !SelfContained<With<With<T>>> &&
    !SelfContained<std::vector<T>> && !SelfContained<std::optional<T>> &&
    !SelfContained<std::array<T, 2>> && !SelfContained<std::tuple<int, T>> &&
    !SelfContained<std::variant<int, T>> && !SelfContained<std::map<int, T>> &&
    !SelfContained<Field<T>> && !SelfContained<std::shared_ptr<const T>>;

}  // namespace

TEST_CASE("values, and what is made of nothing else, are self-contained", "[self_contained]") {
    STATIC_REQUIRE(is_whole<bool>);
    STATIC_REQUIRE(is_whole<char>);
    STATIC_REQUIRE(is_whole<double>);
    STATIC_REQUIRE(is_whole<Unit>);
    STATIC_REQUIRE(is_whole<std::byte>);
    STATIC_REQUIRE(is_whole<std::string>);
    STATIC_REQUIRE(is_whole<std::wstring>);
    STATIC_REQUIRE(is_whole<std::chrono::seconds>);
    STATIC_REQUIRE(is_whole<std::chrono::sys_days>);
    STATIC_REQUIRE(is_whole<std::optional<std::string>>);
    STATIC_REQUIRE(is_whole<std::variant<std::monostate, int, std::string>>);
    STATIC_REQUIRE(is_whole<std::tuple<int, std::string>>);
    STATIC_REQUIRE(is_whole<std::array<std::string, 3>>);
    STATIC_REQUIRE(is_whole<std::deque<int>>);
    STATIC_REQUIRE(is_whole<std::list<int>>);
    STATIC_REQUIRE(is_whole<std::set<std::string>>);
    STATIC_REQUIRE(is_whole<std::set<int, Order>>);
    STATIC_REQUIRE(is_whole<std::unordered_map<std::string, std::vector<int>>>);
    STATIC_REQUIRE(is_whole<Tree>);
    STATIC_REQUIRE(is_whole<Person>);
    STATIC_REQUIRE(is_whole<nlohmann::json>);
    STATIC_REQUIRE(SelfContained<Constant>);
    STATIC_REQUIRE(SelfContained<const Tree>);
}

TEST_CASE("what cannot change or end is as good as a value", "[self_contained]") {
    STATIC_REQUIRE(is_whole<int (*)(int)>);
    STATIC_REQUIRE(is_whole<int Handle::*>);
    STATIC_REQUIRE(is_whole<std::shared_ptr<const std::string>>);
    STATIC_REQUIRE(is_whole<std::shared_ptr<const Tree>>);
}

TEST_CASE("what refers to something else is not self-contained, however deep inside",
          "[self_contained]") {
    STATIC_REQUIRE(refers<int*>);
    STATIC_REQUIRE(refers<const char*>);
    STATIC_REQUIRE(refers<std::string_view>);
    STATIC_REQUIRE(refers<std::span<const int>>);
    STATIC_REQUIRE(refers<std::reference_wrapper<const int>>);
    STATIC_REQUIRE(refers<Pointers>);
    STATIC_REQUIRE(refers<Friend>);
    STATIC_REQUIRE(refers<std::shared_ptr<int>>);
    STATIC_REQUIRE(refers<std::shared_ptr<const Shape>>);
    STATIC_REQUIRE(refers<std::shared_ptr<const Incomplete>>);
    STATIC_REQUIRE(refers<std::weak_ptr<const int>>);
    STATIC_REQUIRE(refers<std::set<int, OrderBy>>);
    STATIC_REQUIRE(refers<std::pmr::vector<int>>);
    STATIC_REQUIRE_FALSE(SelfContained<Constants>);
    STATIC_REQUIRE_FALSE(SelfContained<Variables>);
    STATIC_REQUIRE_FALSE(SelfContained<Assigned>);
    STATIC_REQUIRE_FALSE(SelfContained<Temporaries>);
}

TEST_CASE("what cannot be looked into is not taken for self-contained", "[self_contained]") {
    STATIC_REQUIRE(refers<Closed>);
    STATIC_REQUIRE(refers<Greedy>);
    STATIC_REQUIRE(refers<Derived>);
    STATIC_REQUIRE(refers<Owned<int>>);
    STATIC_REQUIRE(refers<std::function<void()>>);
    STATIC_REQUIRE(refers<Either>);
    STATIC_REQUIRE(refers<CArray>);
    STATIC_REQUIRE_FALSE(SelfContained<With<Area>>);  // it has no default value
    STATIC_REQUIRE_FALSE(SelfContained<std::any>);
    STATIC_REQUIRE_FALSE(SelfContained<With<std::any>>);
    STATIC_REQUIRE_FALSE(SelfContained<Unnamed>);
}

TEST_CASE("of a class a program says itself whether it is self-contained", "[self_contained]") {
    STATIC_REQUIRE(SelfContained<Area>);
    STATIC_REQUIRE(SelfContained<With<std::vector<Area>>>);
    STATIC_REQUIRE(SelfContained<Bits>);
    STATIC_REQUIRE(refers<Handle>);
}

TEST_CASE("what cannot be copied whole is not self-contained, whatever is said of it",
          "[self_contained]") {
    STATIC_REQUIRE_FALSE(SelfContained<std::unique_ptr<int>>);
    STATIC_REQUIRE_FALSE(SelfContained<With<std::unique_ptr<int>>>);
    STATIC_REQUIRE_FALSE(SelfContained<Ticket>);
    STATIC_REQUIRE_FALSE(SelfContained<std::vector<Ticket>>);
    STATIC_REQUIRE_FALSE(SelfContained<Shape>);
    STATIC_REQUIRE(SelfContained<Square>);
    STATIC_REQUIRE_FALSE(SelfContained<std::shared_ptr<const Shape>>);
}
