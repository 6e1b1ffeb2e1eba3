"""The everyday vocabulary: ImageNet's 1000 classes summed into groups that a small network trained on a CPU can tell apart.

Every class belongs to exactly one group. Numbers are places in ImageNet-1k's usual order (sorted by WordNet synset,
as in torchvision's `weights.meta["categories"]`); a dash is a range with both ends. The grouping is ours, by look
and use rather than by biology: what share a shape share a group.
"""

import functools

GROUPS = {
    # animals
    "fish": "0-6 389-397",
    "bird": "7-24 80-100 127-146",
    "frog or salamander": "25-32",
    "turtle": "33-37",
    "lizard or crocodile": "38-51",
    "snake": "52-68",
    "spider or scorpion": "69-79 815",
    "insect": "300-320 599",
    "butterfly": "321-326",
    "sea creature": "107-111 113-126 327-329 973 112",
    "whale or seal": "147-150",
    "dog": "151-268 676",
    "wolf or fox": "269-280",
    "cat": "281-285",
    "big cat": "286-293",
    "bear": "294-297 388",
    "teddy bear": "850",
    "monkey or ape": "365-384",
    "rabbit or rodent": "330-338",
    "small wild mammal": "102-106 298 299 356-364 387",
    "hoofed animal": "339-355",
    "elephant": "101 385 386",
    # on the move
    "car": "407 436 468 475 479 511 573 575 581 609 627 656 661 717 734 751 785 817",
    "truck or bus": "408 555 569 654 660 675 757 779 864 867 874",
    "tractor or digger": "517 561 586 595 621 730 803 847 856 866",
    "train": "466 547 565 705 820 829",
    "bicycle or motorcycle": "444 665 670 671 870 880",
    "cart or sled": "428 450 537 603 612 690 791 802",
    "aircraft": "404 405 417 657 701 744 812 895 908",
    "boat": "403 472 484 510 536 554 576 625 628 693 694 724 780 814 833 871 913 914",
    # places
    "landscape": "970 972 974-980",
    "building": "410 425 437 442 448 449 483 497 498 500 538 540 580 634 663 668 672 698 706 727 743 755 807 832 853 858 900 915",
    "monument": "562 649 682 708 863 873",
    "bridge, fence or wall": "460 489 525 640 646 716 718 821 825 839 877 888 912",
    "shop or hall": "406 415 421 424 454 467 509 582 624 762 819 860 865 884",
    "bathroom": "435 794 861 876 896",
    # in the house
    "chair or sofa": "423 559 703 765 831 857",
    "bed, table or cupboard": "431 453 493 495 516 520 526 532 548 553 564 648 669 830 894",
    "curtain, screen or door": "556 789 799 854 904 905",
    "cloth or pillow": "434 533 539 591 700 721 741 750 885 911 999",
    "lamp or candle": "470 607 619 818 846 862",
    "kitchen or cleaning machine": "521 534 545 550 589 606 651 753 760 766 786 811 827 859 882 891 897",
    "coin machine": "480 571 704 707 800 886",
    "computer or television": "508 527 590 592 598 613 620 662 664 673 688 713 742 782 810 851 878 916",
    "telephone, camera or radio": "481 482 485 487 528 605 622 632 650 732 745 754 758 759 761 844 848 872",
    "clock or instrument": "409 426 447 530 531 604 633 635 685 769 778 798 823 826 835 892",
    "musical instrument": "401 402 420 432 486 494 513 541 542 546 558 566 577 579 593 594 641 642 683 684 687 699 714 776 822 875 881 889 902",
    "tool": "462 473 477 491 499 512 523 535 587 596 600 623 674 677 686 726 731 740 783 784 792 816 855",
    "pen, pin or make-up": "418 419 464 488 506 507 551 563 584 616 626 629 644 680 695 696 709 710 749 767 772 840 845",
    "weapon or armour": "413 456 461 465 471 490 524 583 597 763 764 777 787",
    "ball": "429 430 522 574 722 746 768 805 852 890",
    "sport": "416 422 543 602 615 702 736 747 752 795 801 981 983",
    "toy or fairground": "398 476 611 645 719 723 843 971",
    "sign, book or paper": "446 458 549 557 681 733 781 917-922",
    "bag or umbrella": "414 636 728 748 797 879 893",
    "box, basket or barrel": "412 427 463 478 492 519 588 637 692 756 771 790",
    # what people wear
    "clothes": "399 400 411 443 445 451 457 459 474 501 529 552 568 578 601 608 610 614 617 638 639 652 655 658 678 679 "
    "689 697 735 775 824 834 841 842 869 887 906 982",
    "shoe or sock": "496 502 514 630 770 774 788 806",
    "hat, mask or glasses": "433 439 452 515 518 560 570 643 667 691 715 793 796 808 836 837 903",
    # what people eat and grow
    "bottle": "438 440 455 503 585 631 653 711 720 737 804 838 898 899 901 907",
    "cup, glass or jug": "441 504 505 572 647 725 849 883 966-969",
    "pan, bowl or spoon": "469 544 567 618 659 666 712 729 739 773 809 813 828 868 909 910",
    "meal": "923-927 933-935 959 962-965",
    "bread or sweet": "928-932 960 961",
    "fruit or vegetable": "936-946 948-957 987-990 998",
    "mushroom": "947 991-997",
    "flower or plant": "738 958 984-986",
}  # fmt: skip


def members(text):
    """ "0-6 389" -> [0, 1, 2, 3, 4, 5, 6, 389]."""
    out = []
    for part in text.split():
        first, _, last = part.partition("-")
        out.extend(range(int(first), int(last or first) + 1))
    return out


@functools.cache
def group_of():
    """(1000,) list: for each ImageNet class the index of its group in `list(GROUPS)`."""
    where = {index: g for g, text in enumerate(GROUPS.values()) for index in members(text)}
    return [where[index] for index in range(1000)]


def group_matrix():
    """(1000, G) float tensor of zeros and ones: class probabilities @ it = group probabilities."""
    import torch

    return torch.nn.functional.one_hot(torch.tensor(group_of()), len(GROUPS)).float()


@functools.cache
def class_names():
    """The 1000 class names in ImageNet-1k's order, as torchvision spells them."""
    from core import runtime

    runtime.prepare_torch()
    from torchvision.models import MobileNet_V2_Weights

    return MobileNet_V2_Weights.DEFAULT.meta["categories"]


# Names that fit two classes: crane the bird, cardigan the jacket (and the dog), maillot the tank suit.
_BY_WNID = {"n02012849": 134, "n02963159": 474, "n03710721": 639}


def class_of_file(name):
    """ "n02012849_crane.jpg" (wnid and class) -> 134, the class's place in ImageNet-1k's order."""
    wnid, _, label = name.rpartition(".")[0].partition("_")
    known = [_letters(text) for text in class_names()]
    return _BY_WNID.get(wnid) or known.index(_letters(label))


def _letters(text):
    return "".join(c for c in text.lower() if c.isalnum())
