// cachemodel: prefetch makes no objects of a base of what a range gives by value.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes objects of a class with virtual functions only where they
// expect: stay, for a copy may lose what they are; write std::vector<std::reference_wrapper<const
// expect: C>>
#include <cachemodel/cachemodel.hpp>

#include <iterator>

using namespace cachemodel;

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const { return 0; }
};
struct Circle : Shape {
    double area() const override { return 3; }
};

const CachedMethod<&Shape::area> area;

struct Circles {
    struct Iterator {
        int at;
#ifdef CACHEMODEL_MISTAKE
        Circle operator*() const;
#else
        const Circle& operator*() const;
#endif
        Iterator& operator++();
        Iterator operator++(int);
        bool operator==(const Iterator&) const = default;
        using difference_type = int;
        using value_type = Circle;
        using iterator_category = std::forward_iterator_tag;
        using reference = const Circle&;
        using pointer = const Circle*;
    };
    Iterator begin() const;
    Iterator end() const;
};

void use(const Circles& circles) { (void)area.prefetch(circles); }
